package framework

import (
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
)

// caller returns the file and line outside of this package that led here, the
// file with the folder that it stands in.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	own := reflect.TypeFor[Router]().PkgPath()
	for {
		f, more := frames.Next()
		if rest, ok := strings.CutPrefix(f.Function, own); !ok || !strings.HasPrefix(rest, ".") {
			return place(f.File, f.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}

func place(file string, line int) string {
	dir, name := filepath.Split(file)
	return filepath.Base(dir) + "/" + name + ":" + strconv.Itoa(line)
}
