package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/monitor"
)

// options are what the flags say.
type options struct {
	Settings

	shared fxcli.Flags
	check  bool
	flags  *flag.FlagSet
}

func parse(args []string) (*options, error) {
	fs := cli.NewFlagSet(name)
	o := &options{flags: fs}
	o.shared.AddFlags(fs)
	fs.StringVar(&o.Config, "config", "", "read the rules from `file`; SIGHUP has it read again")
	fs.BoolVar(&o.check, "check", false, "check the file, print what is asked of the MTA for it, and exit")
	fs.StringVar(&o.Metrics, "metrics", "", "answer /metrics, /healthz and /readyz at `address`, such as 127.0.0.1:9090")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	return o, o.complete()
}

func (o *options) complete() error {
	switch {
	case o.Config == "" && !o.shared.Version:
		return errors.New("-config names no file")
	case o.Metrics != "" && monitor.CheckAddress(o.Metrics) != nil:
		return monitor.CheckAddress(o.Metrics)
	}
	err := o.shared.Check(o.flags)
	o.Listen, o.Drain = o.shared.Listen, o.shared.Drain
	return err
}

func (o *options) help(w io.Writer) {
	_, _ = fmt.Fprintf(w, "usage: %s -config file [flags]\n\nEdits header fields, and refuses or holds messages, by rules.\n\n", name)
	cli.PrintFlags(w, o.flags)
}
