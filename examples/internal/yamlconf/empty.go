package yamlconf

import (
	"errors"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The YAML package leaves empty items out of lists. A list whose only value was forgotten would
// then be an empty one, which may mean everything or nothing.

// withEmptyItems adds a mistake to an error of the YAML package for each empty item of the lists
// in a node that was decoded into a type.
func withEmptyItems(err error, n *yaml.Node, to any) error {
	empty := emptyItems(n, reflect.TypeOf(to))
	if len(empty) == 0 {
		return err
	}
	all := new(yaml.LoadErrors)
	if err != nil && !errors.As(err, &all) {
		return err
	}
	for _, item := range empty {
		at := At(item)
		e := &yaml.LoadError{Message: "an item of the list is empty"}
		e.Mark.Line, e.Mark.Column = at.Line, at.Column
		all.Errors = append(all.Errors, e)
	}
	return all
}

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

// emptyItems returns the empty items of lists, except for those of values that decode themselves.
func emptyItems(n *yaml.Node, t reflect.Type) (empty []*yaml.Node) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
	case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
		return emptyItems(n.Content[0], t)
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range n.Content {
			if item.ShortTag() == "!!null" {
				empty = append(empty, item)
				continue
			}
			empty = append(empty, emptyItems(item, t.Elem())...)
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if value := typeOf(t, n.Content[i].Value); value != nil {
				empty = append(empty, emptyItems(n.Content[i+1], value)...)
			}
		}
	default:
	}
	return empty
}

// typeOf returns the type of a setting, or nil if there is none of the name.
func typeOf(t reflect.Type, name string) reflect.Type {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem()
	case reflect.Struct:
		for field := range t.Fields() {
			setting, option, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if option == "inline" {
				if inner := typeOf(field.Type, name); inner != nil {
					return inner
				}
			}
			if setting == name && name != "" {
				return field.Type
			}
		}
	default:
	}
	return nil
}
