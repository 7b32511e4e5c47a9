package headers

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// syntaxError converts an error of the YAML library into a [*ConfigError] with its place in
// the file and a hint.
func (d *decoder) syntaxError(text []byte, err error) error {
	e := &ConfigError{File: d.file, Line: 1, Column: 1, Err: err}
	if at, ok := errors.AsType[*yaml.LoadErrors](err); ok {
		e.Line, e.Column, e.Err = documentError(text, at)
	} else if at, ok := errors.AsType[*yaml.LoadError](err); ok {
		e.Line, e.Column = max(at.Mark.Line, 1), max(at.Mark.Column, 1)
		e.Err = errors.New(at.Message + syntaxHint(at.Message, lineAt(text, e.Line)))
		if at.Mark.Line == 0 { // the library does not know the place of a character
			e.Line, e.Column, e.Err = characterError(text, e.Err)
		}
	}
	return e
}

// documentError says where a second document begins, or that there is none. The library
// reports both without a place.
func documentError(text []byte, other error) (line, column int, err error) {
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return 1, 1, other
	}
	var first, second yaml.Node
	if loader.Load(&first) != nil {
		return 1, 1, errors.New("the file is empty; write a list of rules below the key rules")
	}
	if loader.Load(&second) != nil || second.Line == 0 {
		return 1, 1, other
	}
	return second.Line, second.Column, errors.New("a second document begins here; leave out the line ---")
}

// characterError says where the first character is that YAML does not allow, or returns
// another error if it finds none.
func characterError(text []byte, other error) (line, column int, err error) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return 1, 1, other // UTF-16
	}
	line, column = 1, 1
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			return line, column, fmt.Errorf("the byte 0x%02x is not valid UTF-8; save the file in UTF-8", text[at])
		case r == '\n':
			line, column = line+1, 0
		case r < ' ' && r != '\t' && r != '\r', r == 0xfffe, r == 0xffff:
			return line, column, fmt.Errorf("the character %U is not allowed in a file", r)
		}
		at, column = at+size, column+1
	}
	return 1, 1, other
}
