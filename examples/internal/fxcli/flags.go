package fxcli

import (
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/monitor"
	"github.com/sluicemail/sluice/framework"
)

// Flags holds the values of the flags that all fx applications have.
type Flags struct {
	cli.Common

	// Listen holds the addresses to listen on, in the form of
	// framework.Listen. It has at least one.
	Listen []string
	// Allow holds the networks from which mail servers may connect.
	Allow cli.Networks
	// Drain is how long the server waits for unfinished messages when it
	// stops.
	Drain time.Duration
	// Inspect says where the page of package inspecting is served.
	Inspect inspecting.Flag

	defaulted bool // Listen is the default
}

func (f *Flags) addFlags(fs *flag.FlagSet) {
	fs.Func("listen", cli.ListenUsage+"; may be repeated", f.addListen)
	f.Allow.AddFlag(fs)
	f.Inspect.AddFlag(fs)
	f.AddFlags(fs)
	fs.DurationVar(&f.Drain, "drain", framework.DefaultDrain, "on SIGTERM wait this `duration` for unfinished messages")
}

// validate returns what is wrong with the parsed values, and sets the default
// address.
func (f *Flags) validate(fs *flag.FlagSet) error {
	if err := cli.NoArguments(fs); err != nil {
		return err
	}
	if f.Drain <= 0 {
		return fmt.Errorf("-drain %v is not above zero", f.Drain)
	}
	if f.Listen == nil {
		f.Listen, f.defaulted = []string{cli.DefaultListen}, true
	}
	return nil
}

func (f *Flags) addListen(value string) error {
	f.Listen = append(f.Listen, value)
	return cli.CheckAddress(value)
}

// FileFlags holds the values of the flags -config, -handover and -metrics, which
// the daemons with a configuration file have.
type FileFlags struct{ Config, Handover, Metrics string }

// AddFlags adds the flags to a flag set.
func (f *FileFlags) AddFlags(fs *flag.FlagSet) {
	fs.StringVar(&f.Config, "config", "", "read the configuration from `file`; SIGHUP reloads it")
	fs.StringVar(&f.Handover, "handover", "", "on SIGUSR2 a new process takes over; `file` has its PID")
	fs.StringVar(&f.Metrics, "metrics", "", "serve metrics and probes at `address`: 127.0.0.1:9090")
}

// Validate returns what is wrong with the parsed values. -version needs no
// configuration file.
func (f *FileFlags) Validate(shared *Flags) error {
	if f.Config == "" && !shared.Version {
		return errors.New("-config is required")
	}
	if f.Metrics == "" {
		return nil
	}
	return monitor.CheckAddress(f.Metrics)
}

// Settings returns what the flags set.
func (f *FileFlags) Settings(shared *Flags) Settings {
	return Settings{
		Config: f.Config, Listen: shared.Listen, Allow: shared.Allow, Metrics: f.Metrics, Handover: f.Handover, Drain: shared.Drain,
		Inspect: shared.Inspect,
	}
}
