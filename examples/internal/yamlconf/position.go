package yamlconf

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Position is the line and the column of a value in its file. Both start at 1.
type Position struct{ Line, Column int }

// At returns the position of a node.
func At(n *yaml.Node) Position { return Position{max(1, n.Line), max(1, n.Column)} }

// Sections returns the positions of the settings at the top of a file that can be parsed, by name.
func Sections(text []byte) map[string]Position {
	var n yaml.Node
	if err := yaml.Load(text, &n); err != nil || len(n.Content) == 0 {
		return nil
	}
	list := make(map[string]Position)
	for i := 0; i+1 < len(n.Content[0].Content); i += 2 {
		key := n.Content[0].Content[i]
		list[key.Value] = At(key)
	}
	return list
}

// Wrong returns an error as a [*PlaceError] at the position, and nil for nil.
func (p Position) Wrong(err error) error {
	if err == nil {
		return nil
	}
	return &PlaceError{p, err}
}

// Wrongf is like [Position.Wrong] for a new error.
func (p Position) Wrongf(format string, args ...any) error {
	return p.Wrong(fmt.Errorf(format, args...))
}

// PlaceError is an error about the value at a position of a file.
type PlaceError struct {
	Position
	Err error
}

// Error implements error.
func (m *PlaceError) Error() string { return fmt.Sprintf("%d:%d: %v", m.Line, m.Column, m.Err) }

// Unwrap returns the cause.
func (m *PlaceError) Unwrap() error { return m.Err }

// fileError is an error about a file.
type fileError struct {
	path string
	err  error
}

// Error implements error. Each line begins with the file's name and, if the error
// is about a place, the line and the column.
func (e *fileError) Error() string {
	start, text := e.path+": ", e.err.Error()
	if m := (*PlaceError)(nil); errors.As(e.err, &m) {
		start, text = fmt.Sprintf("%s:%d:%d: ", e.path, m.Line, m.Column), m.Err.Error()
	}
	return start + strings.ReplaceAll(text, "\n", "\n"+start)
}

// Unwrap returns the cause.
func (e *fileError) Unwrap() error { return e.err }

// Prefixed puts the file's name before each of the joined errors. It returns nil for nil.
func Prefixed(path string, err error) error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok && err.Error() == errors.Join(many.Unwrap()...).Error() {
		var errs []error
		for _, e := range many.Unwrap() {
			errs = append(errs, Prefixed(path, e))
		}
		return errors.Join(errs...)
	}
	return &fileError{path, err}
}
