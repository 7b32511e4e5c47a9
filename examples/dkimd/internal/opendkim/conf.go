package opendkim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/contrib/configfile"
)

// Setting is an option that a configuration file sets.
type Setting struct {
	// Option is the option that is set.
	Option *Option
	// Value is the text after the name, without a comment and without the
	// white space around it.
	Value string
	// File and Line say where the option is set. Line starts at 1.
	File string
	Line int
}

// Error describes a mistake in a configuration file of OpenDKIM.
type Error struct {
	// File and Line are where the mistake is.
	File string
	Line int
	// Err describes the mistake.
	Err error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// wrong returns an error about a setting.
func (s *Setting) wrong(format string, args ...any) error {
	return &Error{s.File, s.Line, fmt.Errorf("%s: %w", s.Option.Name, fmt.Errorf(format, args...))}
}

// Limits of a configuration: the size of a file in bytes, the depth of Include,
// which OpenDKIM has too, and the number of files.
const (
	maxFile  = 1 << 20
	maxDepth = 5
	maxFiles = 100
)

// Read reads a configuration file and the files that it includes. It returns
// the settings in their order; of several settings of an option, OpenDKIM uses
// the last. A relative path of an included file is relative to the working
// directory, as in OpenDKIM. The error is an [Error], or about the file.
func Read(path string) ([]Setting, error) {
	var r reader
	if err := r.read(path, 0); err != nil {
		return nil, err
	}
	return r.settings, nil
}

type reader struct {
	settings []Setting
	files    int
}

func (r *reader) read(path string, depth int) error {
	if r.files++; r.files > maxFiles {
		return fmt.Errorf("%s: more than %d files", path, maxFiles)
	}
	text, _, err := configfile.Read(path, maxFile)
	if err != nil {
		return err
	}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		number++
		s, err := parseLine(path, number, line)
		if err != nil {
			return err
		}
		switch {
		case s.Option == nil:
		case s.Option.Name != "Include":
			r.settings = append(r.settings, s)
		case depth == maxDepth:
			return s.wrong("files are nested more than %d deep", maxDepth)
		default:
			if err := r.read(s.Value, depth+1); err != nil {
				return s.wrong("%w", err)
			}
		}
	}
	return nil
}

// parseLine parses a line: NAME VALUE. A hash or a CR ends it. A line without a
// name has no option.
func parseLine(path string, number int, line string) (Setting, error) {
	s := Setting{File: path, Line: number}
	if i := strings.IndexAny(line, "#\r\n"); i >= 0 {
		line = line[:i]
	}
	line = strings.Trim(line, " \t")
	name, value := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, value = line[:i], strings.TrimLeft(line[i:], " \t")
	}
	if name == "" {
		return s, nil
	}
	option := find(name)
	switch {
	case option == nil:
		return s, &Error{path, number, fmt.Errorf("opendkim.conf(5) has no option %q", name)}
	case value == "":
		return s, &Error{path, number, fmt.Errorf("%s has no value", option.Name)}
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return s, &Error{path, number, fmt.Errorf("%s: the value contains a control character", option.Name)}
	}
	s.Option, s.Value = option, value
	return s, s.check()
}

// check returns an error for a value that OpenDKIM refuses because of its type.
func (s *Setting) check() error {
	switch s.Option.kind {
	case boolean:
		if !strings.ContainsRune("tTyY1fFnN0", rune(s.Value[0])) {
			return s.wrong("want yes or no, not %q", s.Value)
		}
	case integer:
		if _, err := strconv.ParseInt(s.Value, 0, 32); err != nil {
			return s.wrong("want a number, not %q", s.Value)
		}
	case text:
	}
	return nil
}

// yes reports whether a setting of the type boolean is true.
func (s *Setting) yes() bool { return strings.ContainsRune("tTyY1", rune(s.Value[0])) }

// number returns the value of a setting of the type integer.
func (s *Setting) number() int {
	n, _ := strconv.ParseInt(s.Value, 0, 32) // check has parsed it
	return int(n)
}
