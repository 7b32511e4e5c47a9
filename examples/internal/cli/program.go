package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// The exit statuses.
const (
	ExitOK     = 0
	ExitFailed = 1 // the world is not as it should be
	ExitUsage  = 2 // the arguments are not
)

// Program is a filter as a command.
type Program struct {
	// Name is the command's name, as -help, -version and errors show it.
	Name string
	// Summary says in a sentence what the filter does.
	Summary string
	// Flags adds the filter's own flags to the shared ones; nil adds none.
	Flags func(*flag.FlagSet)
	// Router registers the filter. It is called once, after the flags were
	// parsed. An error that [Usagef] made is about the arguments.
	Router func() (*framework.Router, error)
	// Ready says what serving lacks that -explain can do without, such as a
	// flag that only mail needs. It is called after Router; nil lacks nothing.
	Ready func() error
	// Serve serves the router until the program is to end; nil serves until
	// SIGINT or SIGTERM.
	Serve func(address string, r *framework.Router, cfg framework.Config) error
}

// Main runs the program with the arguments of the process and ends the process
// with its exit status.
func Main(p Program) { os.Exit(p.Run(os.Args[1:], os.Stdout, os.Stderr)) }

// Run does what the arguments say and returns the exit status: it is [Main]
// for tests. Serving ends with the process's SIGINT or SIGTERM.
func (p Program) Run(args []string, stdout, stderr io.Writer) int {
	err := p.run(args, stdout, stderr)
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, new(usageError)):
		return Complain(stderr, p.Name, err, ExitUsage)
	default:
		return Complain(stderr, p.Name, err, ExitFailed)
	}
}

func (p Program) run(args []string, stdout, stderr io.Writer) error {
	var o options
	fs := p.flags(&o)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		p.help(fs, stdout)
		return nil
	case err != nil:
		return usageError{err}
	case fs.NArg() > 0:
		return Usagef("no argument is expected, but there is %q", fs.Arg(0))
	case o.Version:
		return PrintVersion(stdout, p.Name)
	}
	r, err := p.Router()
	if err != nil {
		return err
	}
	if o.Explain != "" {
		return Explain(stdout, r, o.Explain)
	}
	if p.Ready != nil {
		if err := p.Ready(); err != nil {
			return err
		}
	}
	serve := serveUntilSignal
	if p.Serve != nil {
		serve = p.Serve
	}
	return serve(o.listen, r, framework.Config{Logger: o.Logger(stderr)})
}

// Complain writes what is wrong with a program of the name, on one line whatever
// the error, and returns the status.
func Complain(stderr io.Writer, name string, err error, status int) int {
	_, _ = fmt.Fprintf(stderr, "%s: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
	return status
}

func (p Program) help(fs *flag.FlagSet, stdout io.Writer) {
	_, _ = fmt.Fprintf(stdout, "usage: %s [flags]\n\n%s\n\n", p.Name, p.Summary)
	PrintFlags(stdout, fs)
}

// usageError is an error about the arguments.
type usageError struct{ error }

// Usagef returns an error that makes the exit status 2: the arguments are
// wrong, rather than the world.
func Usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
