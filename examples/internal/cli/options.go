package cli

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework/printable"
)

// Common holds the values of the flags that all example filters have. The zero
// value is the value without any flags.
type Common struct {
	// Explain is the format, text or json, in which the program prints the
	// plan instead of serving. If it is empty, the program serves.
	Explain string
	// Version makes the program print its version.
	Version bool

	format string
	level  level
}

// level is the level of the log, and remembers whether a flag has set it.
type level struct {
	slog.Level
	set bool
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *level) UnmarshalText(text []byte) error {
	l.set = true
	return l.Level.UnmarshalText(text)
}

// AddFlags adds the flags to a flag set.
func (c *Common) AddFlags(fs *flag.FlagSet) {
	fs.Func("explain", "print what the filter asks of the MTA, and why, as `text|json`, and exit",
		OneOf(&c.Explain, "text", "json"))
	fs.Func("log-format", "log as `text|json` (default text)", OneOf(&c.format, "text", "json"))
	fs.TextVar(&c.level, "log-level", level{Level: slog.LevelInfo}, "log at this `level` and above: debug, info, warn or error")
	fs.BoolVar(&c.Version, "version", false, "print the version and exit")
}

// Logger returns a logger with the format and the level that the flags set. Its
// lines are safe for any terminal: see package printable.
func (c *Common) Logger(w io.Writer) *slog.Logger { return c.LoggerOr(w, slog.LevelInfo, "text") }

// LoggerOr is like [Common.Logger] with another level and format, text or json, where the
// flags set none.
func (c *Common) LoggerOr(w io.Writer, least slog.Level, format string) *slog.Logger {
	if c.level.set {
		least = c.level.Level
	}
	settings := &slog.HandlerOptions{Level: least}
	if cmp.Or(c.format, format) == "json" {
		return slog.New(printable.Handler(slog.NewJSONHandler(w, settings)))
	}
	return slog.New(printable.Handler(slog.NewTextHandler(w, settings)))
}

// options holds the values of a [Program]'s flags.
type options struct {
	Common

	listen  string
	allow   Networks
	inspect inspecting.Flag
}

// NewFlagSet returns an empty flag set. Its Parse returns the error of a wrong
// argument and prints nothing.
func NewFlagSet(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// NoArguments returns an error if there are arguments after the flags.
func NoArguments(fs *flag.FlagSet) error {
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; try -help", fs.Arg(0))
	}
	return nil
}

// flags returns the shared flags and the program's own.
func (p Program) flags(o *options) *flag.FlagSet {
	fs := NewFlagSet(p.Name)
	o.listen = DefaultListen
	fs.Func("listen", ListenUsage, o.setListen)
	o.allow.AddFlag(fs)
	o.inspect.AddFlag(fs)
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

// OneOf returns a function for [flag.FlagSet.Func] that sets *to if the flag's
// value is one of the given ones, and else returns an error.
func OneOf(to *string, values ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(values, value) {
			return errors.New("want " + strings.Join(values, " or "))
		}
		*to = value
		return nil
	}
}
