package headers

import (
	"fmt"
	"strings"
)

// ConfigError is one mistake in a configuration. [New], [Load] and [Parse]
// join one for each.
type ConfigError struct {
	// File, Line and Column tell where in a file it is. Line and column
	// count from 1, the column in characters; they are 0 for a
	// configuration in Go.
	File         string
	Line, Column int
	// Path tells what it is about, such as "rule 2 (tag): Add: Value".
	Path string
	// Err is what is wrong.
	Err error
}

// Error implements error.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		_, _ = fmt.Fprintf(&b, "%s:%d:%d: ", e.File, e.Line, e.Column)
	} else {
		b.WriteString("headers: ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// place is where something stands in a file. The zero place is nowhere.
type place struct {
	file         string
	line, column int
	fields       map[string]place // of what stands there
}

// of returns the place of a field, or of an item of a list, or that of the
// whole.
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
