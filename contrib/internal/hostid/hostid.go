package hostid

import (
	"errors"
	"fmt"
	"strings"
)

// errEmpty is the error for an empty name besides that of the host.
var errEmpty = errors.New("a name in AlsoRemove is empty")

// Check checks the name of a host, which may be empty for the default, and its other names. The
// error joins all mistakes.
func Check(id string, also []string) error {
	errs := []error{checkName(id)}
	empty := false
	for _, name := range also {
		errs = append(errs, checkName(name))
		empty = empty || name == ""
	}
	if empty {
		errs = append(errs, errEmpty)
	}
	return errors.Join(errs...)
}

func checkName(name string) error {
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Errorf("%q is not a name of a host", name)
	case strings.Contains(name, "*"):
		return fmt.Errorf("%q is not a name of a host: an asterisk matches only itself, so write each name", name)
	default:
		return nil
	}
}
