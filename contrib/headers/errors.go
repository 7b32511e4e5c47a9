package headers

import (
	"fmt"
	"strings"
)

// ConfigError describes one mistake in a configuration. The errors of [New],
// [Load] and [Parse] join one for each mistake. The method
// [Reloadable.Warnings] returns one for each part of the rules that is valid but
// is probably not meant.
type ConfigError struct {
	// File, Line and Column give the place of the mistake in a file. Line
	// and Column start at 1, and Column counts characters. Both are 0 for a
	// configuration in Go.
	File         string
	Line, Column int
	// Path names the part of the configuration, as in
	// "rule 2 (tag): Add: Value".
	Path string
	// Err describes the mistake.
	Err error
	// Warning is true for what is valid but is probably not meant.
	Warning bool
}

// Error implements error.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		_, _ = fmt.Fprintf(&b, "%s:%d:%d: ", e.File, e.Line, e.Column)
	} else {
		b.WriteString("headers: ")
	}
	if e.Warning {
		b.WriteString("warning: ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns e.Err.
func (e *ConfigError) Unwrap() error { return e.Err }

// place is a position in a configuration file. The zero place means that the
// configuration does not come from a file.
type place struct {
	file         string
	line, column int
	fields       map[string]place // the places of the fields of a mapping
}

// of returns the place of a field, such as "names", or of an item of a list,
// such as "names/2". If it is unknown, of returns p.
func (p place) of(field string) place {
	field = strings.ToLower(field)
	list, _, _ := strings.Cut(field, "/")
	for _, key := range []string{field, list} {
		if at, ok := p.fields[key]; ok {
			return at
		}
	}
	return p
}
