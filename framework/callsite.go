package framework

import (
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
)

// caller returns the file, with its directory, and the line of the call into this
// package. It skips calls by milterfx and miltertest, which register on behalf of
// their own callers.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	own := reflect.TypeFor[Stage]().PkgPath()
	for {
		f, more := frames.Next()
		if !registersForOthers(f.Function, own) {
			dir, name := filepath.Split(f.File)
			return filepath.Base(dir) + "/" + name + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}

func registersForOthers(function, own string) bool {
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

// middlewareName returns the name of a middleware for plans and errors, such as
// middleware.Logger. It is the name of the function or, for a function literal,
// of the function that contains it.
func middlewareName(mw any) string {
	fn := runtime.FuncForPC(reflect.ValueOf(mw).Pointer())
	if fn == nil {
		return "middleware"
	}
	file, _ := fn.FileLine(fn.Entry())
	return funcName(fn.Name(), filepath.Base(filepath.Dir(file)))
}

// funcName shortens the linker's name of a function. It takes the package from the
// directory of the source file, because the linker's name of an inlined function
// begins with the package of the function that it was inlined into.
func funcName(symbol, folder string) string {
	name, method := strings.CutSuffix(symbol[strings.LastIndexByte(symbol, '/')+1:], "-fm")
	if method {
		return strings.NewReplacer("(*", "", ")", "").Replace(name)
	}
	parts := strings.Split(strings.ReplaceAll(name, "[...]", ""), ".")
	for len(parts) > 1 && isLiteral(parts[len(parts)-1]) {
		parts = parts[:len(parts)-1]
	}
	folder, _, _ = strings.Cut(folder, "@") // the version, in the module cache
	return folder + "." + parts[len(parts)-1]
}

// isLiteral reports whether a part of a linker's name stands for a function
// literal: func1, or a number.
func isLiteral(part string) bool {
	return strings.Trim(strings.TrimPrefix(part, "func"), "0123456789") == ""
}
