package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// ParseCommand parses the flags of a command of a program and checks that exactly count
// arguments follow them. call is the program's name and its arguments. With -h it prints the
// usage and returns [flag.ErrHelp], which the caller must pass to [WithoutHelp].
func ParseCommand(fs *flag.FlagSet, call string, args []string, stdout io.Writer, count int) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintf(stdout, "usage: %s\n\n", call)
		PrintFlags(stdout, fs)
		return flag.ErrHelp
	case err != nil:
		return Usagef("%w", err)
	case fs.NArg() != count:
		return Usagef("usage: %s", call)
	default:
		return nil
	}
}

// WithoutHelp returns nil for [flag.ErrHelp], because a request for help is not a failure, and
// any other error as it is.
func WithoutHelp(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

// Require returns an error if one of the named flags has no value.
func Require(fs *flag.FlagSet, names ...string) error {
	for _, name := range names {
		if fs.Lookup(name).Value.String() == "" {
			return Usagef("-%s is required", name)
		}
	}
	return nil
}
