package headers

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder decodes YAML nodes into a configuration and collects the mistakes.
type decoder struct {
	file   string
	errs   []error
	failed map[string]bool // the texts of errs
}

// decodeFunc decodes one node and stores the value.
type decodeFunc = func(n *yaml.Node)

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	err := &ConfigError{File: d.file, Line: max(n.Line, 1), Column: max(n.Column, 1), Err: fmt.Errorf(format, args...)}
	if isNew(&d.failed, err) {
		d.errs = append(d.errs, err)
	}
}

// isNew reports whether a mistake was not reported before. It may be found once for each
// name in a list.
func isNew(seen *map[string]bool, err *ConfigError) bool {
	if *seen == nil {
		*seen = make(map[string]bool)
	}
	text := err.Error()
	if (*seen)[text] {
		return false
	}
	(*seen)[text] = true
	return true
}

func (d *decoder) place(n *yaml.Node) place {
	return place{file: d.file, line: n.Line, column: n.Column}
}

// mapping decodes a mapping with the functions for its known keys. It returns
// the place of the mapping, which includes the places of the values. An unknown
// key is a mistake.
func (d *decoder) mapping(n *yaml.Node, known map[string]decodeFunc) place {
	at := d.place(n)
	at.fields = make(map[string]place)
	if n.Kind != yaml.MappingNode {
		d.fail(n, "want a mapping with %s, got %s", sortedKeys(known), describeNode(n))
		return at
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		fn, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			d.fail(key, "unknown key %.60q%s; want %s", key.Value, keyHint(key.Value, known), sortedKeys(known))
			continue
		case seen[key.Value]:
			d.fail(key, "duplicate key %q", key.Value)
			continue
		}
		seen[key.Value] = true
		d.addPlaces(at.fields, strings.ReplaceAll(key.Value, "_", ""), value)
		fn(value)
	}
	return at
}

// addPlaces adds the places of a value and its items to the places of a
// mapping.
func (d *decoder) addPlaces(fields map[string]place, field string, n *yaml.Node) {
	fields[field] = d.place(n)
	if n.Kind == yaml.SequenceNode {
		for i, one := range n.Content {
			fields[item(field, i)] = d.place(one)
		}
	}
}

func sortedKeys(known map[string]decodeFunc) string {
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}

func describeNode(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias, which is not allowed"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%s %.60q", strings.TrimLeft(n.ShortTag(), "!"), n.Value)
}

// list decodes a list. It calls fn for each item.
func (d *decoder) list(n *yaml.Node, fn decodeFunc) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "want a list, got %s", describeNode(n))
		return
	}
	for _, one := range n.Content {
		fn(one)
	}
}

// text decodes a string. A string that looks like a number must have quotes.
func (d *decoder) text(to *string) decodeFunc {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			d.fail(n, "want a text, got %s%s", describeNode(n), quoteHint(n))
			return
		}
		*to = n.Value
	}
}

// fixedText is like text, for a string in which nothing is replaced.
func (d *decoder) fixedText(to *string) decodeFunc {
	return func(n *yaml.Node) {
		d.text(to)(n)
		if err := checkFixed(*to); err != nil {
			d.fail(n, "%w", err)
		}
	}
}

// address decodes an address with a port, on which a program can listen.
func (d *decoder) address(to *string) decodeFunc {
	return func(n *yaml.Node) {
		before := len(d.errs)
		d.fixedText(to)(n)
		_, port, err := net.SplitHostPort(*to)
		switch {
		case len(d.errs) > before:
		case err != nil:
			d.fail(n, "metrics %.60q: want an address and a port, such as 127.0.0.1:9090", *to)
		default:
			if _, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port); err != nil {
				d.fail(n, "metrics %.60q: the port is neither a number from 0 to 65535 nor the name of a service", *to)
			}
		}
	}
}

// texts decodes a string or a list of at least one string.
func (d *decoder) texts(to *[]string) decodeFunc {
	return func(n *yaml.Node) {
		one := func(n *yaml.Node) {
			var text string
			d.text(&text)(n)
			*to = append(*to, text)
		}
		if n.Kind == yaml.ScalarNode {
			one(n)
			return
		}
		d.list(n, one)
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			d.fail(n, "the list is empty")
		}
	}
}

func (d *decoder) boolean(to *bool) decodeFunc {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
			d.fail(n, "want true or false, got %s", describeNode(n))
			return
		}
		*to = n.Value == "true"
	}
}

func (d *decoder) integer64(to *int64) decodeFunc {
	return func(n *yaml.Node) {
		v, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
			d.fail(n, "want a whole number, got %s", describeNode(n))
			return
		}
		*to = v
	}
}

func (d *decoder) integer(to *int) decodeFunc {
	return func(n *yaml.Node) {
		var v int64
		d.integer64(&v)(n)
		if v > 1<<20 || v < -1<<20 {
			d.fail(n, "%d is out of range", v)
			return
		}
		*to = int(v)
	}
}

// which decodes a [Which].
func (d *decoder) which(to *Which) decodeFunc {
	return func(n *yaml.Node) {
		switch n.Value {
		case "every":
			*to = Every
		case "first":
			*to = First
		case "last":
			*to = Last
		default:
			var v int
			before := len(d.errs)
			d.integer(&v)(n)
			if *to = Which(v); len(d.errs) > before || v == 0 {
				d.errs = d.errs[:before]
				d.fail(n, "want every, first, last, or a whole number other than 0, got %s", describeNode(n))
			}
		}
	}
}

// mappingOrValue decodes a mapping, or its short form, which is the value of
// the main key alone. If others is nil, only the short form is allowed.
func (d *decoder) mappingOrValue(n *yaml.Node, key string, main decodeFunc, others map[string]decodeFunc) place {
	if n.Kind == yaml.MappingNode && others != nil {
		known := map[string]decodeFunc{key: main}
		maps.Copy(known, others)
		return d.mapping(n, known)
	}
	at := d.place(n)
	at.fields = make(map[string]place)
	d.addPlaces(at.fields, key, n)
	main(n)
	return at
}

// maxDepth limits the nesting depth of a configuration.
const maxDepth = 64

// checkPlain checks that a node has no anchors, aliases or tags and is not
// nested too deeply.
func (d *decoder) checkPlain(n *yaml.Node, depth int) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.fail(n, "anchors and aliases are not allowed; a text that begins with & or * needs quotes")
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n, "tags are not allowed; a text that begins with ! needs quotes")
		return
	case depth > maxDepth:
		d.fail(n, "nested more than %d levels deep", maxDepth)
		return
	}
	for _, sub := range n.Content {
		d.checkPlain(sub, depth+1)
	}
}
