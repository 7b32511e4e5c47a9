package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework"
)

// The exit statuses.
const (
	ExitOK     = 0
	ExitFailed = 1 // the program could not do what the arguments ask for
	ExitUsage  = 2 // the arguments are wrong
)

// Program is a filter as a command.
type Program struct {
	// Name is the command's name, as -help, -version and errors show it.
	Name string
	// Summary describes in a sentence what the filter does.
	Summary string
	// Flags adds the filter's own flags to the shared ones. It may be nil.
	Flags func(*flag.FlagSet)
	// Router returns a router with the filter. It is called once, after the
	// flags were parsed. An error that [Usagef] made is about the arguments.
	Router func() (*framework.Router, error)
	// Ready returns an error if serving needs something that -explain does
	// not need, such as the value of a flag. It is called after Router. It
	// may be nil.
	Ready func() error
	// Serve serves the router until the program is to end, with [RunContext]; nil
	// serves until SIGINT or SIGTERM.
	Serve func(address string, r *framework.Router, cfg framework.Config) error
}

// Main runs the program with the arguments of the process and ends the process
// with its exit status.
func Main(p Program) { os.Exit(p.Run(os.Args[1:], os.Stdout, os.Stderr)) }

// Run runs the program with the given arguments and returns the exit status. It
// does what [Main] does, for tests. The program serves until the process
// receives SIGINT or SIGTERM.
func (p Program) Run(args []string, stdout, stderr io.Writer) int {
	if err := p.run(args, stdout, stderr); err != nil {
		return Complain(stderr, p.Name, err)
	}
	return ExitOK
}

func (p Program) run(args []string, stdout, stderr io.Writer) error {
	var o options
	fs := p.flags(&o)
	err := fs.Parse(args)
	if err == nil {
		err = NoArguments(fs)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		PrintHelp(stdout, p.Name+" [flags]", p.Summary, fs)
		return nil
	case err != nil:
		return Usagef("%w", err)
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
	return p.serve(&o, r, o.Logger(stderr))
}

// serve serves the router, and the page of -inspect as long.
func (p Program) serve(o *options, r *framework.Router, log *slog.Logger) (err error) {
	page, err := inspecting.New(o.inspect.Over(inspecting.Settings{}), log)
	if err != nil {
		return Usagef("%w", err)
	}
	if err := page.Start(); err != nil {
		return errors.Join(err, page.Stop(context.Background()))
	}
	defer func() { err = errors.Join(err, page.Stop(context.Background())) }()
	serve := serveUntilSignal
	if p.Serve != nil {
		serve = p.Serve
	}
	return serve(o.listen, r, framework.Config{
		Logger: log, Recorder: page.Recorder(), Admission: o.allow.Admission(),
	})
}

// Complain writes an error of the named program and returns its [ExitStatus].
// The error is written on one line even if its text has several, and is [Printable].
func Complain(stderr io.Writer, name string, err error) int {
	_, _ = fmt.Fprintf(stderr, "%s: %s\n", name, Printable(strings.Join(strings.Fields(err.Error()), " ")))
	return ExitStatus(err)
}

// ComplainLines is like [Complain], but keeps the lines of the error's text, such as one
// for each mistake in a file. Each line begins with the name of the program.
func ComplainLines(stderr io.Writer, name string, err error) int {
	for line := range strings.Lines(err.Error()) {
		_, _ = fmt.Fprintf(stderr, "%s: %s\n", name, PrintableLine(strings.TrimSpace(line)))
	}
	return ExitStatus(err)
}

// usageError is an error about the arguments.
type usageError struct{ error }

// Usagef formats an error that says that the arguments are wrong. Its
// [ExitStatus] is [ExitUsage].
func Usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// ExitStatus returns the exit status of a program that ends with the error:
// [ExitOK] for nil, [ExitUsage] for an error that [Usagef] made, and
// [ExitFailed] for any other.
func ExitStatus(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, new(usageError)):
		return ExitUsage
	default:
		return ExitFailed
	}
}
