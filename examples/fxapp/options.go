package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
)

// options are what the flags say.
type options struct {
	Settings

	shared fxcli.Flags
	flags  *flag.FlagSet
}

func parse(args []string) (*options, error) {
	fs := cli.NewFlagSet(name)
	o := &options{flags: fs}
	o.shared.AddFlags(fs)
	fs.Func("health", "answer /healthz, /readyz and /metrics at `address`, as -listen takes it", o.setHealth)
	fs.StringVar(&o.Handover, "handover", "", "on SIGUSR2 hand the sockets over to a new process; its number is in `file`")
	fs.StringVar(&o.Deny, "deny", "", "refuse senders of the domains in `file`, one on a line")
	fs.StringVar(&o.Stamp, "stamp", "X-Filtered-By", "the `name` of the header field that is added")
	fs.DurationVar(&o.Slow, "slow", time.Second, "warn of handlers that take this `duration` and more; 0: never")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	return o, o.complete()
}

func (o *options) complete() error {
	switch {
	case o.Stamp == "" || strings.ContainsFunc(o.Stamp, func(c rune) bool { return c <= ' ' || c > '~' || c == ':' }):
		return fmt.Errorf("-stamp %q is no name of a header field", o.Stamp)
	case o.Slow < 0:
		return fmt.Errorf("-slow %v is below zero", o.Slow)
	}
	err := o.shared.Check(o.flags)
	o.Listen, o.Drain = o.shared.Listen, o.shared.Drain
	return err
}

func (o *options) setHealth(value string) error {
	o.Health = value
	return cli.CheckAddress(value)
}

func (o *options) help(w io.Writer) {
	_, _ = fmt.Fprintf(w, "usage: %s [flags]\n\nRefuses senders and stamps mail: a filter as an fx application.\n\n", name)
	cli.PrintFlags(w, o.flags)
}
