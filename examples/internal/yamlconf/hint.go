package yamlconf

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sluicemail/sluice/contrib/configfile"
)

// hint adds to each error about an unknown setting the one that it may stand for. The
// struct that to points to has the settings.
func hint(err error, to any) error {
	var many *yaml.LoadErrors
	if !errors.As(err, &many) {
		return err
	}
	known := make(map[string][]string)
	collect(reflect.TypeOf(to), known)
	for _, e := range many.Errors {
		m := unknownField.FindStringSubmatch(e.Message)
		if m == nil {
			continue
		}
		e.Message = plainMessage(e.Message)
		if name := configfile.Nearest(m[1], known[m[2]]); name != "" {
			e.Message += fmt.Sprintf(" (did you mean %s?)", name)
		}
	}
	return err
}

// collect adds the settings of a type, and of all types of its settings, by the name of
// their type.
func collect(t reflect.Type, known map[string][]string) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collect(t.Elem(), known)
	case reflect.Struct:
		if _, done := known[t.String()]; !done {
			known[t.String()] = nil
			known[t.String()] = settings(t, known)
		}
	default:
	}
}

// settings returns the names of a struct's settings.
func settings(t reflect.Type, known map[string][]string) (names []string) {
	for field := range t.Fields() {
		collect(field.Type, known)
		name, option, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			names = append(names, known[field.Type.String()]...)
		case name != "":
			names = append(names, name)
		}
	}
	return names
}
