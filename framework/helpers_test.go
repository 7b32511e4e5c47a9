package framework_test

import (
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// here returns the line of its caller, in the framework's format.
func here() string {
	_, file, line, _ := runtime.Caller(1)
	return filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file) + ":" + strconv.Itoa(line)
}

// goesOn is a handler that returns Continue.
func goesOn[E framework.Event](*framework.Session, E) (framework.Verdict, error) {
	return framework.Continue, nil
}

// watches is an observer that does nothing.
func watches[E framework.Event](*framework.Session, E) error { return nil }

// says returns a handler that returns the given verdict.
func says[E framework.Event](v framework.Verdict) func(*framework.Session, E) (framework.Verdict, error) {
	return func(*framework.Session, E) (framework.Verdict, error) { return v, nil }
}

// lineAbove returns the location one line above the given one.
func lineAbove(place string) string { return moved(place, -1) }

// lineBelow returns the location one line below the given one.
func lineBelow(place string) string { return moved(place, 1) }

func moved(place string, lines int) string {
	at := strings.LastIndexByte(place, ':') + 1
	line, err := strconv.Atoi(place[at:])
	if err != nil {
		panic(err)
	}
	return place[:at] + strconv.Itoa(line+lines)
}
