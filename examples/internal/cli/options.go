package cli

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// options are the values of the shared flags.
type options struct {
	listen  string
	explain string
	format  string
	level   slog.Level
	version bool
}

// defaultListen is where the examples listen: on this host alone.
const defaultListen = "inet:9000@127.0.0.1"

// flags returns the shared flags and the program's own. What is wrong with the
// arguments is returned by Parse, not printed.
func (p Program) flags(o *options) *flag.FlagSet {
	fs := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	o.listen, o.format = defaultListen, "text"
	fs.Func("listen", "listen on `address`: inet:PORT@HOST, inet6:PORT@HOST, unix:PATH or fd:NAME\n"+
		"(default "+defaultListen+")", o.setListen)
	fs.Func("explain", "print what is asked of the MTA, and why, as `text|json`, and exit", OneOf(&o.explain, "text", "json"))
	fs.Func("log-format", "log as `text|json` (default text)", OneOf(&o.format, "text", "json"))
	fs.TextVar(&o.level, "log-level", slog.LevelInfo, "log from `level` on: debug, info, warn or error")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
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

// NewLogger returns a logger that writes lines of the format text or json.
func NewLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	settings := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, settings))
	}
	return slog.New(slog.NewTextHandler(w, settings))
}
