package cli

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// Common are the values of the flags that all examples have that filter mail. The
// zero value is that of no flags.
type Common struct {
	// Explain is the format, text or json, in which the plan is printed in
	// place of serving; "" serves.
	Explain string
	// Version has the version printed.
	Version bool

	format string
	level  slog.Level
}

// AddFlags adds the flags.
func (c *Common) AddFlags(fs *flag.FlagSet) {
	fs.Func("explain", "print what is asked of the MTA, and why, as `text|json`, and exit", OneOf(&c.Explain, "text", "json"))
	fs.Func("log-format", "log as `text|json` (default text)", OneOf(&c.format, "text", "json"))
	fs.TextVar(&c.level, "log-level", slog.LevelInfo, "log from `level` on: debug, info, warn or error")
	fs.BoolVar(&c.Version, "version", false, "print the version and exit")
}

// Logger returns the log that the flags describe.
func (c *Common) Logger(w io.Writer) *slog.Logger {
	settings := &slog.HandlerOptions{Level: c.level}
	if c.format == "json" {
		return slog.New(slog.NewJSONHandler(w, settings))
	}
	return slog.New(slog.NewTextHandler(w, settings))
}

// options are the values of a [Program]'s flags.
type options struct {
	Common

	listen string
}

// DefaultListen is where the examples listen: on this host alone.
const DefaultListen = "inet:9000@127.0.0.1"

// NewFlagSet returns a set without flags whose Parse returns what is wrong with
// the arguments, and prints nothing.
func NewFlagSet(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// flags returns the shared flags and the program's own.
func (p Program) flags(o *options) *flag.FlagSet {
	fs := NewFlagSet(p.Name)
	o.listen = DefaultListen
	fs.Func("listen", "listen on `address`: inet:PORT@HOST, inet6:PORT@HOST, unix:PATH or fd:NAME\n"+
		"(default "+DefaultListen+")", o.setListen)
	o.AddFlags(fs)
	if p.Flags != nil {
		p.Flags(fs)
	}
	return fs
}

func (o *options) setListen(value string) error {
	o.listen = value
	return CheckAddress(value)
}

// CheckAddress refuses what is no address at all while it is still an argument;
// binding finds the rest.
func CheckAddress(value string) error {
	kind, rest, _ := strings.Cut(value, ":")
	if rest == "" || !slices.Contains([]string{"inet", "inet6", "unix", "local", "fd"}, kind) {
		return errors.New("want inet:PORT@HOST, inet6:PORT@HOST, unix:PATH or fd:NAME")
	}
	return nil
}

// OneOf sets a flag that has only some values.
func OneOf(to *string, values ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(values, value) {
			return errors.New("want " + strings.Join(values, " or "))
		}
		*to = value
		return nil
	}
}
