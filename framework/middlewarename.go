package framework

import (
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
)

// called returns what a middleware is called in the program, such as
// middleware.Logger, for a plan to name it. It is a function's name, or that of
// the function which made it.
func called(mw Middleware) string {
	fn := runtime.FuncForPC(reflect.ValueOf(mw).Pointer())
	if fn == nil {
		return "middleware"
	}
	file, _ := fn.FileLine(fn.Entry())
	return readable(fn.Name(), filepath.Base(filepath.Dir(file)))
}

// readable makes a name of the linker's one for people. One of a function that was
// compiled into others begins with theirs, and so the package is said by the folder
// that it stands in.
func readable(symbol, folder string) string {
	name, method := strings.CutSuffix(symbol[strings.LastIndexByte(symbol, '/')+1:], "-fm")
	if method {
		return strings.NewReplacer("(*", "", ")", "").Replace(name)
	}
	parts := strings.Split(strings.ReplaceAll(name, "[...]", ""), ".")
	for len(parts) > 1 && nameless(parts[len(parts)-1]) {
		parts = parts[:len(parts)-1]
	}
	folder, _, _ = strings.Cut(folder, "@") // the version, in the module cache
	return folder + "." + parts[len(parts)-1]
}

// nameless reports whether a part of a name is one that the compiler gave to a
// function literal: func1, or a number.
func nameless(part string) bool {
	return strings.Trim(strings.TrimPrefix(part, "func"), "0123456789") == ""
}
