package tables

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Error describes a mistake in a table.
type Error struct {
	// File is the path of the table. Line and Column start at 1, and Column
	// counts bytes.
	File   string
	Line   int
	Column int
	// Err describes the mistake.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %v", e.File, e.Line, e.Column, e.Err)
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Errors about a table.
var (
	errTable   = errors.New("want file:PATH, refile:PATH or a path; other kinds of tables are not supported")
	errLong    = errors.New("the line is too long")
	errControl = errors.New("the line contains a control character")
)

// entry is a line of a table: a key and an optional value.
type entry struct {
	key, value string
	line       int
	keyAt      int // the column of the key
	valueAt    int // the column of the value
}

func (e *entry) fail(file string, column int, format string, args ...any) error {
	return &Error{File: file, Line: e.line, Column: column, Err: fmt.Errorf(format, args...)}
}

// source is the file of a table.
type source struct {
	path      string
	wildcards bool // keys can have wildcards
}

func parseSource(spec string) (source, error) {
	if path, ok := strings.CutPrefix(spec, "refile:"); ok && path != "" {
		return source{path, true}, nil
	}
	path := strings.TrimPrefix(spec, "file:")
	if path == "" || path == spec && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, ".") {
		return source{}, fmt.Errorf("%q: %w", spec, errTable)
	}
	return source{path, false}, nil
}

// Limits in bytes: maxTable for the file of a table, and maxTableLine for a
// line, which may contain a private key.
const (
	maxTable     = 64 << 20
	maxTableLine = 64 << 10
)

func (s source) read() ([]entry, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return parse(s.path, io.LimitReader(f, maxTable))
}

// parse parses the lines of a table. White space ends the key, and the rest of
// the line is the value. A hash begins a comment.
func parse(file string, r io.Reader) ([]entry, error) {
	var entries []entry
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxTableLine)
	number := 0
	for lines.Scan() {
		number++
		text := lines.Text()
		if i := strings.IndexByte(text, '#'); i >= 0 {
			text = text[:i]
		}
		if i := bytes.IndexFunc([]byte(text), isControl); i >= 0 {
			return nil, &Error{File: file, Line: number, Column: i + 1, Err: errControl}
		}
		text = strings.TrimRight(text, blanks)
		start := len(text) - len(strings.TrimLeft(text, blanks))
		if start == len(text) {
			continue
		}
		e := entry{key: text[start:], line: number, keyAt: start + 1, valueAt: len(text) + 1}
		if i := strings.IndexAny(e.key, blanks); i >= 0 {
			rest := e.key[i:]
			e.key, e.value = e.key[:i], strings.TrimLeft(rest, blanks)
			e.valueAt = len(text) - len(e.value) + 1
		}
		entries = append(entries, e)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, &Error{File: file, Line: number + 1, Column: 1, Err: errLong}
	} else if err != nil {
		return nil, err
	}
	return entries, nil
}

const blanks = " \t\r"

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\r' || r == 0x7f }
