package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
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

	shared fxcli.Flags
	check  bool
	flags  *flag.FlagSet
}

func parseOptions(args []string) (*options, error) {
	fs := cli.NewFlagSet("dkimd")
	o := &options{flags: fs}
	o.shared.AddFlags(fs)
	fs.StringVar(&o.Config, "config", "", "read the configuration from `file`; SIGHUP has it read again")
	fs.BoolVar(&o.check, "check", false, "check the configuration, and exit")
	fs.StringVar(&o.Metrics, "metrics", "", "answer /metrics, /healthz and /readyz at `address`, such as 127.0.0.1:9090")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	return o, o.complete()
}

func (o *options) complete() error {
	switch {
	case o.Config == "" && !o.shared.Version:
		return errors.New("-config is needed")
	case o.Metrics != "" && monitor.CheckAddress(o.Metrics) != nil:
		return monitor.CheckAddress(o.Metrics)
	}
	err := o.shared.Check(o.flags)
	o.Listen, o.Drain = o.shared.Listen, o.shared.Drain
	return err
}

func (o *options) help(w io.Writer) {
	_, _ = fmt.Fprint(w, "usage: dkimd [flags]\n\nSigns and verifies mail with DKIM.\n"+
		"Commands, each with a -help of its own: keygen, testkey, sign, verify.\n\n")
	cli.PrintFlags(w, o.flags)
}
