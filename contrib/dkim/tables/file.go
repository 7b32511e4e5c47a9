package tables

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sluicemail/sluice/contrib/configfile"
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
	errTable   = errors.New("want file:PATH, refile:PATH, a path, or a list such as csl:one,two")
	errLong    = errors.New("the line is too long")
	errControl = errors.New("the line contains a control character")
)

// Entry is an entry of a table or list: a key and an optional value.
type Entry struct {
	Key, Value string
	// File is the path of the table, or "list" for a list that the name of
	// the table contains.
	File string
	// Line is the line of the entry. KeyColumn and ValueColumn are where key
	// and value begin. All three start at 1, and columns count bytes.
	Line, KeyColumn, ValueColumn int
}

func (e *Entry) fail(column int, format string, args ...any) error {
	return &Error{File: e.File, Line: e.Line, Column: column, Err: fmt.Errorf(format, args...)}
}

// Read returns the entries of a table in their order. The name of the table has
// one of the forms that the package's documentation lists. Wildcards reports
// whether its keys can have wildcards, as those of refile: tables can.
func Read(name string) (entries []Entry, wildcards bool, err error) {
	src, err := parseSource(name)
	if err != nil {
		return nil, false, err
	}
	entries, err = src.read()
	return entries, src.wildcards, err
}

// source is where a table is: a file, or a list.
type source struct {
	path      string
	list      string // if there is no path
	offset    int    // of the list in the name
	wildcards bool   // keys can have wildcards
}

func parseSource(name string) (source, error) {
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "file", "refile":
		if rest == "" {
			return source{}, fmt.Errorf("%q: %w", name, errTable)
		}
		return source{path: rest, wildcards: kind == "refile"}, nil
	case "csl":
		return source{list: rest, offset: len("csl:")}, nil
	case "db", "dsn", "erlang", "ldap", "ldapi", "ldaps", "lua", "mdb", "memcache":
		return source{}, fmt.Errorf("%q: tables of the kind %s: are not supported; %w", name, kind, errTable)
	}
	switch {
	case strings.TrimSpace(name) == "":
		return source{}, fmt.Errorf("%q: %w", name, errTable)
	case strings.HasPrefix(name, "/") && strings.HasSuffix(name, ".db"):
		return source{}, fmt.Errorf("%q: tables in databases are not supported; %w", name, errTable)
	case strings.HasPrefix(name, "/") || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../"):
		return source{path: name}, nil
	default:
		return source{list: name}, nil
	}
}

// Limits in bytes: maxTable for the file of a table, and maxTableLine for a
// line, which may contain a private key.
const (
	maxTable     = 64 << 20
	maxTableLine = 64 << 10
)

func (s source) read() ([]Entry, error) {
	if s.path == "" {
		return parseList(s.list, s.offset)
	}
	text, _, err := configfile.Read(s.path, maxTable)
	if err != nil {
		return nil, err
	}
	return parse(s.path, bytes.NewReader(text))
}

// parseList parses a list: elements between commas. An element KEY=VALUE has a
// value.
func parseList(text string, offset int) ([]Entry, error) {
	var entries []Entry
	if i := strings.IndexFunc(text, isControl); i >= 0 {
		return nil, &Error{File: listName, Line: 1, Column: offset + i + 1, Err: errControl}
	}
	for element := range strings.SplitSeq(text, ",") {
		at := offset + len(element) - len(strings.TrimLeft(element, blanks)) + 1
		offset += len(element) + 1
		if element = strings.Trim(element, blanks); element == "" {
			continue
		}
		e := Entry{Key: element, File: listName, Line: 1, KeyColumn: at, ValueColumn: at + len(element)}
		if key, value, ok := strings.Cut(element, "="); ok {
			e.Key, e.Value, e.ValueColumn = strings.TrimRight(key, blanks), strings.TrimLeft(value, blanks), at+len(element)-len(strings.TrimLeft(value, blanks))
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// listName stands for the path of a table in errors about a list.
const listName = "list"

// byteOrderMark is what some editors write at the beginning of a text in UTF-8.
const byteOrderMark = "\ufeff"

// parse parses the lines of a table. White space ends the key, and the rest of
// the line is the value. A hash begins a comment. A byte order mark at the
// beginning is ignored.
func parse(file string, r io.Reader) ([]Entry, error) {
	var entries []Entry
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxTableLine)
	number := 0
	for lines.Scan() {
		number++
		text := lines.Text()
		if number == 1 {
			text = strings.TrimPrefix(text, byteOrderMark)
		}
		if i := strings.IndexByte(text, '#'); i >= 0 {
			text = text[:i]
		}
		if i := strings.IndexFunc(text, isControl); i >= 0 {
			return nil, &Error{File: file, Line: number, Column: i + 1, Err: errControl}
		}
		text = strings.TrimRight(text, blanks)
		start := len(text) - len(strings.TrimLeft(text, blanks))
		if start == len(text) {
			continue
		}
		e := Entry{Key: text[start:], File: file, Line: number, KeyColumn: start + 1, ValueColumn: len(text) + 1}
		if i := strings.IndexAny(e.Key, blanks); i >= 0 {
			rest := e.Key[i:]
			e.Key, e.Value = e.Key[:i], strings.TrimLeft(rest, blanks)
			e.ValueColumn = len(text) - len(e.Value) + 1
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
