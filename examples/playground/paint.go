package main

import (
	"io"
	"os"
)

// paint says whether to color text with the escape sequences of a terminal.
type paint bool

// paintFor returns whether to color the output to w. It colors output to a
// terminal, unless the user disables colors (https://no-color.org). It colors
// other output only if the user forces colors (https://bixense.com/clicolors).
func paintFor(w io.Writer, getenv func(string) string) paint {
	switch {
	case getenv("NO_COLOR") != "":
		return false
	case getenv("CLICOLOR_FORCE") != "" && getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	f, ok := w.(*os.File)
	if !ok || getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return paint(err == nil && info.Mode()&os.ModeCharDevice != 0)
}

func (p paint) bold(s string) string  { return p.with("1", s) }
func (p paint) faint(s string) string { return p.with("2", s) }
func (p paint) red(s string) string   { return p.with("31", s) }
func (p paint) green(s string) string { return p.with("32", s) }

func (p paint) with(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
