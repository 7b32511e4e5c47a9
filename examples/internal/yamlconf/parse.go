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
	var n yaml.Node
	if err := yaml.Load(text, &n); err != nil {
		return located(path, err)
	}
	return located(path, withEmptyItems(yaml.Load(text, to, strict()...), &n, to))
}

// ParseWithHints is like [Parse], but the error about an unknown setting suggests the one
// that it may stand for. Anchors and aliases, and values nested deeper than 64 levels, are
// mistakes. So a part that is decoded later, as a node, is a tree of limited size.
func ParseWithHints(path string, text []byte, to any) error {
	if err := checkText(path, text); err != nil {
		return err
	}
	var n yaml.Node
	if err := yaml.Load(text, &n); err != nil {
		return located(path, err)
	}
	if err := checkTree(&n, 0); err != nil {
		return Prefixed(path, err)
	}
	return located(path, hint(withEmptyItems(yaml.Load(text, to, strict()...), &n, to), to))
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

// maxDepth is how deep values may be nested.
const maxDepth = 64

// checkTree returns an error that joins all mistakes about anchors, aliases and depth. An alias
// may stand for the value that has it, or for more values than memory holds.
func checkTree(n *yaml.Node, depth int) error {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return At(n).Wrong(errors.New("anchors and aliases are not allowed; a text that begins with & or * needs quotes"))
	case depth > maxDepth:
		return At(n).Wrong(fmt.Errorf("more than %d levels of nesting", maxDepth))
	}
	var errs []error
	for _, child := range n.Content {
		errs = append(errs, checkTree(child, depth+1))
	}
	return errors.Join(errs...)
}

// Decode decodes a node into a struct as [ParseWithHints] does. It is for methods
// UnmarshalYAML, whose errors [Parse] gets.
func Decode(n *yaml.Node, to any) error {
	return hint(withEmptyItems(n.Load(to, strict()...), n, to), to)
}

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
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", path, max(1, single.Mark.Line), max(1, single.Mark.Column), syntaxMessage(single.Message)))
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
	if m := wrongKind.FindStringSubmatch(message); m != nil {
		return "want " + kindOfType(m[3]) + ", not " + kindOfValue(m[1], m[2])
	}
	return message
}

// syntaxMessage adds to a message about what is no YAML what it mostly means.
func syntaxMessage(message string) string {
	if message == "found character that cannot start any token" {
		message += "; a tab cannot indent a line, and a text that begins with @, % or ` needs quotes"
	}
	return message
}

// wrongKind matches the error about a value that does not fit a Go type: the tag, the value
// if it is a scalar, and the type.
var wrongKind = regexp.MustCompile("(?s)^cannot construct !!([a-z]+)( `.*`)? into ([^ ]+)( .*)?$")

// kindOfType returns what a value for a Go type is called in a file.
func kindOfType(name string) string {
	switch name = strings.TrimLeft(name, "*"); {
	case strings.HasPrefix(name, "[]"):
		return "a list, such as [a, b]"
	case name == "bool":
		return "true or false"
	case name == "string":
		return "a text"
	case strings.HasPrefix(name, "int"), strings.HasPrefix(name, "uint"), strings.HasPrefix(name, "float"):
		return "a number"
	default:
		return "settings, such as {name: value}"
	}
}

// kindOfValue returns what a value is called in a file. value is "" for one that is no scalar.
func kindOfValue(tag, value string) string {
	switch tag {
	case "map":
		return "settings"
	case "seq":
		return "a list"
	case "null":
		return "an empty value"
	default:
		return strings.Join(strings.Fields(strings.Trim(value, " `")), " ")
	}
}
