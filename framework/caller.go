package framework

import (
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
)

// caller returns the file and line that led here, outside of this package and of
// those that register on a user's behalf, the file with the folder that it
// stands in.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	own := reflect.TypeFor[Router]().PkgPath()
	for {
		f, more := frames.Next()
		if !registers(f.Function, own) {
			return place(f.File, f.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}

func registers(function, own string) bool {
	rest, ok := strings.CutPrefix(function, own)
	if !ok {
		return false
	}
	for _, pkg := range [...]string{"", "/milterfx", "/miltertest"} {
		if strings.HasPrefix(rest, pkg+".") {
			return true
		}
	}
	return false
}

func place(file string, line int) string {
	dir, name := filepath.Split(file)
	return filepath.Base(dir) + "/" + name + ":" + strconv.Itoa(line)
}
