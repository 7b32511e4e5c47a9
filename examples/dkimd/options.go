package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework"
)

// Settings are what the constructors need to know.
type Settings struct {
	Config  string        // the file
	Listen  []string      // addresses, as framework.Listen takes them
	Metrics string        // where metrics and probes are answered; what the file says if empty
	Drain   time.Duration // how long messages may finish
}

// options are what the flags of the server say, which are headerd's.
type options struct {
	Settings

	check   bool
	explain string
	format  string
	level   slog.Level
	version bool
	flags   *flag.FlagSet
}

func parseOptions(args []string) (*options, error) {
	fs := flag.NewFlagSet("dkimd", flag.ContinueOnError)
	o := &options{flags: fs, format: "text"}
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.Config, "config", "", "read the configuration from `file`; SIGHUP has it read again")
	fs.BoolVar(&o.check, "check", false, "check the configuration, and exit")
	fs.Func("listen", "listen on `address`; may be repeated: inet:PORT@HOST, inet6:PORT@HOST,\nunix:PATH or fd:NAME (default "+defaultListen+")", o.addListen)
	fs.StringVar(&o.Metrics, "metrics", "", "answer /metrics, /healthz and /readyz at `address`, such as 127.0.0.1:9090")
	fs.Func("explain", "print what is asked of the MTA, and why, as `text|json`, and exit", cli.OneOf(&o.explain, "text", "json"))
	fs.Func("log-format", "log as `text|json` (default text)", cli.OneOf(&o.format, "text", "json"))
	fs.TextVar(&o.level, "log-level", slog.LevelInfo, "log from `level` on: debug, info, warn or error")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
	fs.DurationVar(&o.Drain, "drain", framework.DefaultDrain, "how long messages may finish on SIGTERM, as a `duration`")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	return o, o.complete()
}

// defaultListen is where the examples listen: on this host alone.
const defaultListen = "inet:9000@127.0.0.1"

func (o *options) complete() error {
	switch {
	case o.flags.NArg() > 0:
		return fmt.Errorf("no argument is expected, but there is %q", o.flags.Arg(0))
	case o.Config == "" && !o.version:
		return errors.New("-config is needed")
	case o.Metrics != "" && monitor.CheckAddress(o.Metrics) != nil:
		return monitor.CheckAddress(o.Metrics)
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

func (o *options) help(w io.Writer) {
	_, _ = fmt.Fprint(w, "usage: dkimd [flags]\n\nSigns and verifies mail with DKIM.\n"+
		"Commands, each with a -help of its own: keygen, testkey, sign, verify.\n\n")
	cli.PrintFlags(w, o.flags)
}
