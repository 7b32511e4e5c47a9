package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

// options are what the flags say. The shared ones are those of the other
// examples, whose common command serves without fx.
type options struct {
	Settings

	explain string
	format  string
	level   slog.Level
	version bool
	flags   *flag.FlagSet
}

func parse(args []string) (*options, error) {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	o := &options{flags: fs, format: "text"}
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.Func("listen", "listen on `address`; may be repeated: inet:PORT@HOST, inet6:PORT@HOST,\nunix:PATH or fd:NAME (default "+defaultListen+")", o.addListen)
	fs.Func("explain", "print what is asked of the MTA, and why, as `text|json`, and exit", cli.OneOf(&o.explain, "text", "json"))
	fs.Func("log-format", "log as `text|json` (default text)", cli.OneOf(&o.format, "text", "json"))
	fs.TextVar(&o.level, "log-level", slog.LevelInfo, "log from `level` on: debug, info, warn or error")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
	fs.Func("health", "answer /healthz, /readyz and /metrics at `address`, as -listen takes it", o.setHealth)
	fs.StringVar(&o.Handover, "handover", "", "on SIGUSR2 hand the sockets over to a new process; its number is in `file`")
	fs.StringVar(&o.Deny, "deny", "", "refuse senders of the domains in `file`, one on a line")
	fs.StringVar(&o.Stamp, "stamp", "X-Filtered-By", "the `name` of the header field that is added")
	fs.DurationVar(&o.Slow, "slow", time.Second, "warn of handlers that take this `duration` and more; 0: never")
	fs.DurationVar(&o.Drain, "drain", framework.DefaultDrain, "how long messages may finish on SIGTERM, as a `duration`")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	return o, o.check()
}

// defaultListen is where the examples listen: on this host alone.
const defaultListen = "inet:9000@127.0.0.1"

func (o *options) check() error {
	switch {
	case o.flags.NArg() > 0:
		return fmt.Errorf("no argument is expected, but there is %q", o.flags.Arg(0))
	case o.Stamp == "" || strings.ContainsFunc(o.Stamp, func(c rune) bool { return c <= ' ' || c > '~' || c == ':' }):
		return fmt.Errorf("-stamp %q is no name of a header field", o.Stamp)
	case o.Slow < 0:
		return fmt.Errorf("-slow %v is below zero", o.Slow)
	case o.Drain <= 0:
		return fmt.Errorf("-drain %v is not above zero", o.Drain)
	}
	if o.Listen == nil {
		o.Listen = []string{defaultListen}
	}
	return nil
}

func (o *options) addListen(value string) error {
	o.Listen = append(o.Listen, value)
	return cli.CheckAddress(value)
}

func (o *options) setHealth(value string) error {
	o.Health = value
	return cli.CheckAddress(value)
}

func (o *options) help(w io.Writer) {
	_, _ = fmt.Fprintf(w, "usage: %s [flags]\n\nRefuses senders and stamps mail: a filter as an fx application.\n\n", name)
	cli.PrintFlags(w, o.flags)
}
