package yamlconf

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/configfile"
)

// maxFile is the largest size, in bytes, of a file that is read into memory.
const maxFile = 16 << 20

// ReadFile reads a regular file of at most 16 MiB.
func ReadFile(path string) ([]byte, error) {
	text, _, err := configfile.Read(path, maxFile)
	return text, err
}

// ByteOrderMark is what some editors write at the beginning of a text in UTF-8.
// The YAML package ignores it.
const ByteOrderMark = "\ufeff"

// Parse parses the text of a file into a struct, which to points to. A setting that the
// struct does not have, and one that occurs twice, is a mistake. The error has one line
// for each mistake, which begins with the file's name, the line and the column.
func Parse(path string, text []byte, to any) error {
	if err := checkText(path, text); err != nil {
		return err
	}
	return located(path, yaml.Load(text, to, strict()...))
}

// ParseWithHints is like [Parse], but the error about an unknown setting suggests the one
// that it may stand for.
func ParseWithHints(path string, text []byte, to any) error {
	if err := checkText(path, text); err != nil {
		return err
	}
	return located(path, hint(yaml.Load(text, to, strict()...), to))
}

// DecodeSection decodes a part of a file, which is known as a node, as [ParseWithHints] does.
func DecodeSection(path string, n *yaml.Node, to any) error { return located(path, Decode(n, to)) }

// checkText returns an error for a text without a setting.
func checkText(path string, text []byte) error {
	if len(bytes.TrimSpace(bytes.TrimPrefix(text, []byte(ByteOrderMark)))) == 0 {
		return fmt.Errorf("%s:1:1: the file is empty", path)
	}
	return nil
}

// Decode decodes a node into a struct as [ParseWithHints] does. It is for methods
// UnmarshalYAML, whose errors [Parse] gets.
func Decode(n *yaml.Node, to any) error { return hint(n.Load(to, strict()...), to) }

func strict() []yaml.Option { return []yaml.Option{yaml.WithKnownFields(), yaml.WithUniqueKeys()} }

// located puts the file's name, the line and the column before each of the YAML
// package's errors. It returns nil for nil.
func located(path string, err error) error {
	var (
		many   *yaml.LoadErrors
		single *yaml.LoadError
		errs   []error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &many):
		for _, e := range many.Errors {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %s", path, max(1, e.Mark.Line), max(1, e.Mark.Column), plainMessage(e.Message)))
		}
	case errors.As(err, &single):
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", path, max(1, single.Mark.Line), max(1, single.Mark.Column), single.Message))
	default:
		errs = append(errs, fmt.Errorf("%s: %w", path, err))
	}
	return errors.Join(errs...)
}

var unknownField = regexp.MustCompile(`^field (.*) not found in type (.*)$`)

// plainMessage returns a message of the YAML package without the names of Go
// types, which mean nothing to the user.
func plainMessage(message string) string {
	if m := unknownField.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("unknown setting %q", m[1])
	}
	message = strings.ReplaceAll(message, "yaml: ", "")
	if what, _, ok := strings.Cut(message, " into "); ok && strings.HasPrefix(what, "cannot construct ") {
		return "wrong kind of value: " + strings.TrimPrefix(what, "cannot construct ")
	}
	return message
}
