package peers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

// Command holds the values of the flags of a measuring program.
type Command struct {
	Options
	// Line is the command line, for the document.
	Line string
	// Document is the file to write into. If empty, the tables are printed.
	Document string
}

// Main runs a measuring program and returns its exit status. parse reads the
// arguments and returns the function that measures.
func Main(parse func(args []string) (*Command, func(context.Context, *Bench) error, error)) (status int) {
	cmd, measure, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := cmd.run(measure); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (c *Command) run(measure func(context.Context, *Bench) error) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := New(ctx, c.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return measure(ctx, b)
}

// Publish writes a section into the document, below the command line that
// produced it. Without a document, it prints the section below the heading.
func (c *Command) Publish(name, heading, text string) error {
	text = fmt.Sprintf("\nMade by `%s`.\n%s", c.Line, text)
	if c.Document == "" {
		_, err := fmt.Fprintln(os.Stdout, heading+text)
		return err
	}
	return Section(c.Document, name, text)
}

// ParseNetworks parses a list of "tcp" and "unix", separated by commas.
func ParseNetworks(list string) ([]string, error) {
	networks := strings.Split(list, ",")
	for _, s := range networks {
		if s != "tcp" && s != "unix" {
			return nil, fmt.Errorf("-net: %q is neither tcp nor unix", s)
		}
	}
	return networks, nil
}

// ParseNumbers parses a list of numbers above zero, separated by commas.
// flagName and what appear in the error.
func ParseNumbers(flagName, what, list string) (out []int, err error) {
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is not a number %s", flagName, s, what)
		}
		out = append(out, n)
	}
	return out, nil
}
