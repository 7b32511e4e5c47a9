package headers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder turns nodes of YAML into a configuration, and gathers mistakes.
type decoder struct {
	file string
	errs []error
}

// take decodes one value, and leaves it where it belongs.
type take = func(n *yaml.Node)

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, &ConfigError{
		File: d.file, Line: max(n.Line, 1), Column: max(n.Column, 1), Err: fmt.Errorf(format, args...),
	})
}

func (d *decoder) place(n *yaml.Node) place {
	return place{file: d.file, line: n.Line, column: n.Column}
}

// keys decodes a mapping, and returns the places of its values. Every key that
// is not among the known ones is a mistake.
func (d *decoder) keys(n *yaml.Node, known map[string]take) place {
	at := d.place(n)
	at.fields = make(map[string]place)
	if n.Kind != yaml.MappingNode {
		d.fail(n, "want a mapping with %s, and not %s", list(known), kindOfNode(n))
		return at
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		fn, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			d.fail(key, "there is no key %.60q here; want %s", key.Value, list(known))
			continue
		case seen[key.Value]:
			d.fail(key, "the key %q is here twice", key.Value)
			continue
		}
		seen[key.Value] = true
		at.mark(d, strings.ReplaceAll(key.Value, "_", ""), value)
		fn(value)
	}
	return at
}

// mark notes where a value and its items stand.
func (p place) mark(d *decoder, field string, n *yaml.Node) {
	p.fields[field] = d.place(n)
	if n.Kind == yaml.SequenceNode {
		for i, one := range n.Content {
			p.fields[item(field, i)] = d.place(one)
		}
	}
}

func list(known map[string]take) string {
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}

func kindOfNode(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias, which this file cannot have"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%s %.60q", strings.TrimLeft(n.ShortTag(), "!"), n.Value)
}

// each decodes a list.
func (d *decoder) each(n *yaml.Node, fn take) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "want a list, and not %s", kindOfNode(n))
		return
	}
	for _, one := range n.Content {
		fn(one)
	}
}

// text decodes a text; a number must have quotes.
func (d *decoder) text(to *string) take {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			d.fail(n, "want a text, and not %s", kindOfNode(n))
			return
		}
		*to = n.Value
	}
}

// texts decodes a text, or a list of them that is not empty.
func (d *decoder) texts(to *[]string) take {
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
		d.each(n, one)
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			d.fail(n, "the list is empty")
		}
	}
}

func (d *decoder) truth(to *bool) take {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
			d.fail(n, "want true or false, and not %s", kindOfNode(n))
			return
		}
		*to = n.Value == "true"
	}
}

func (d *decoder) number(to *int64) take {
	return func(n *yaml.Node) {
		v, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
			d.fail(n, "want a whole number, and not %s", kindOfNode(n))
			return
		}
		*to = v
	}
}

func (d *decoder) small(to *int) take {
	return func(n *yaml.Node) {
		var v int64
		d.number(&v)(n)
		if v > 1<<20 || v < -1<<20 {
			d.fail(n, "%d is out of range", v)
			return
		}
		*to = int(v)
	}
}

// which decodes a choice among fields.
func (d *decoder) which(to *Which) take {
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
			d.small(&v)(n)
			if *to = Which(v); len(d.errs) > before || v == 0 {
				d.errs = d.errs[:before]
				d.fail(n, "want every, first, last or a number from 1 or down from -1, and not %s", kindOfNode(n))
			}
		}
	}
}

// short decodes a mapping, or the value of its main key in its place.
func (d *decoder) short(n *yaml.Node, key string, main take, others map[string]take) place {
	if n.Kind == yaml.MappingNode && others != nil {
		known := map[string]take{key: main}
		maps.Copy(known, others)
		return d.keys(n, known)
	}
	at := d.place(n)
	at.fields = make(map[string]place)
	at.mark(d, key, n)
	main(n)
	return at
}

// deepest is how deep a configuration nests.
const deepest = 64

// plain checks that the file is what it looks like: no anchors, no aliases, no
// tags of its own, and no endless depth.
func (d *decoder) plain(n *yaml.Node, depth int) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.fail(n, "there are neither anchors nor aliases here")
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n, "there are no tags here")
		return
	case depth > deepest:
		d.fail(n, "this is nested deeper than %d", deepest)
		return
	}
	for _, sub := range n.Content {
		d.plain(sub, depth+1)
	}
}

// syntax gives an error of the YAML library its place.
func (d *decoder) syntax(err error) error {
	e := &ConfigError{File: d.file, Line: 1, Column: 1, Err: err}
	if at, ok := errors.AsType[*yaml.LoadError](err); ok {
		e.Err = errors.New(at.Message)
		e.Line, e.Column = max(at.Mark.Line, 1), max(at.Mark.Column, 1)
	}
	return e
}
