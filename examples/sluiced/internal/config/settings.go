package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/yamlconf"
	"github.com/sluicemail/sluice/framework"
)

// Settings are the values of a file, which are right.
type Settings struct {
	Path     string   // of the file
	Listen   []string // the addresses in the file
	Metrics  string   // the address of metrics and probes, or ""
	Inspect  inspecting.Settings
	Level    slog.Level
	Format   string // of the log, or ""
	Server   framework.Config
	Resolver *resolver.Resolver
	// Warnings are about what is valid but probably not meant. Each names its place.
	Warnings []error
	// Remote are the names of the filters elsewhere that [Options].Replay left out, and
	// Unlimited those of the limits.
	Remote    []string
	Unlimited []string

	file    file
	options Options
	shelf   []*shelfItem
	lanes   []*lane
}

// Listening returns the addresses in the file with their places.
func (s *Settings) Listening() []fxcli.Place {
	return lo.Map(s.file.Listen, func(a listenAddress, _ int) fxcli.Place {
		return fxcli.Place{Address: a.text, Wrong: func(err error) error { return yamlconf.Prefixed(s.Path, a.Wrong(err)) }}
	})
}

// Lane is what a filter of a file is called and does.
type Lane struct{ Name, Kind, Summary string }

// Title returns the name, and the kind if it is another word.
func (l Lane) Title() string {
	if l.Name == l.Kind {
		return l.Name
	}
	return l.Name + " (" + l.Kind + ")"
}

// Lanes returns the filters in their order.
func (s *Settings) Lanes() []Lane {
	list := make([]Lane, len(s.lanes))
	for i, l := range s.lanes {
		list[i] = Lane{l.name, l.part.kind(), l.part.summary() + l.mode()}
	}
	return list
}

// mode says what is particular about how the filter is mounted.
func (l *lane) mode() (text string) {
	if l.Fail.text != "" {
		text += ", fail: " + l.Fail.text
	}
	if l.When.Node != nil {
		text += ", conditional"
	}
	if l.DryRun {
		text += ", dry run"
	}
	return text
}

// Authenticates reports whether a filter authenticates mail.
func (s *Settings) Authenticates() bool {
	return slices.ContainsFunc(s.lanes, func(l *lane) bool { return l.part.kind() == "authenticate" })
}

// Middleware returns the number of middlewares in the file.
func (s *Settings) Middleware() int { return len(s.shelf) }

// Hooks are what the filters report to. The zero value reports to no one.
type Hooks struct {
	// Log gets the lines of filters that have lines outside of sessions. It may be nil.
	Log *slog.Logger
	// Signing is called for each event of a filter that signs. It may be nil.
	Signing func(filter string, e dkim.Event)
	// Authenticated is called with what is known about each message that was checked. It may
	// be nil.
	Authenticated func(*mailauth.Summary)
	// Sealed is called with what was done with each message that may be sealed. It may be nil.
	Sealed func(arc.Sealing)
	// OneMessage says that the filters are for one message.
	OneMessage bool
}

func (h Hooks) signing(name string) func(dkim.Event) {
	if h.Signing == nil {
		return nil
	}
	return func(e dkim.Event) { h.Signing(name, e) }
}

// Filters are the filters of a file.
type Filters struct {
	started *Settings // what the filters were made of
	active  *Settings
	list    []filter
}

// Build makes the filters.
func (s *Settings) Build(h Hooks) (*Filters, error) {
	f := &Filters{started: s, active: s}
	for _, l := range s.lanes {
		one, err := l.part.build(h)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		f.list = append(f.list, one)
	}
	return f, nil
}

// Close closes the connections that filters keep for later sessions.
func (f *Filters) Close() error {
	var errs []error
	for _, one := range f.list {
		if c, ok := one.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// Active returns the settings that are in force.
func (f *Filters) Active() *Settings { return f.active }

// Name implements [framework.Filter].
func (*Filters) Name() string { return "sluiced" }

// Register implements [framework.Filter]. It mounts the filters in their order, and what must
// be the last of all after them. It has no handler itself.
func (f *Filters) Register(r *framework.Router) error {
	var errs []error
	in := around(r, f.started.shelf)
	for i, l := range f.started.lanes {
		opts, err := l.options(in)
		errs = append(errs, err)
		f.list[i].mount(in, opts...)
	}
	for i, one := range f.list {
		last, ok := one.(interface {
			mountLast(r *framework.Router, opts ...framework.LaneOption)
		})
		if ok {
			opts, err := f.started.lanes[i].options(in)
			errs = append(errs, err)
			last.mountLast(in, opts...)
		}
	}
	return errors.Join(errs...)
}

// errRestart is the error of settings that are used only at the start.
var errRestart = errors.New("needs a restart")

// NeedsRestart reports whether an error of [Filters.Reload] says that the new file is right but
// needs a restart.
func NeedsRestart(err error) bool {
	return errors.Is(err, errRestart) || errors.Is(err, dkim.ErrRestart) || errors.Is(err, headers.ErrNeedsMore) ||
		errors.Is(err, mailauth.ErrRestart)
}

// Reload applies another file to all messages that begin from now on. If it returns an error,
// the old settings stay in force for all filters. Reload must not be called twice at a time.
func (f *Filters) Reload(next *Settings) error {
	if err := f.Check(next); err != nil {
		return err
	}
	for i, one := range f.list {
		if err := one.reload(next.lanes[i].part); err != nil {
			return fmt.Errorf("%s: %w", next.lanes[i].name, err)
		}
	}
	f.active = next
	return nil
}

// Check returns the error that [Filters.Reload] would return, and changes nothing. It tries
// the settings with filters that were made for that and serve no mail.
func (f *Filters) Check(next *Settings) error {
	if err := f.started.sameStart(next); err != nil {
		return err
	}
	var errs []error
	for i, l := range f.started.lanes {
		if err := l.try(next.lanes[i].part); err != nil {
			errs = append(errs, fmt.Errorf("filter %s: %w", l.name, err))
		}
	}
	return errors.Join(errs...)
}

// try returns the error of a reload.
func (l *lane) try(next part) error {
	twin, err := l.part.build(Hooks{})
	if err != nil {
		return err
	}
	return twin.reload(next)
}

// sameStart returns an error if other settings differ in what is used only at the start.
func (s *Settings) sameStart(next *Settings) error {
	var errs []error
	differs := func(same bool, what string) {
		if !same {
			errs = append(errs, fmt.Errorf("%s: a change %w", what, errRestart))
		}
	}
	a, b := &s.file, &next.file
	differs(s.Metrics == next.Metrics, "metrics")
	differs(yamlconf.Same(a.Inspect.Node, b.Inspect.Node), "inspect")
	differs(slices.Equal(s.Listen, next.Listen), "listen")
	differs(a.Log == b.Log, "log")
	differs(yamlconf.Same(a.DNS.Node, b.DNS.Node), "dns")
	differs(yamlconf.Same(a.Limits.Node, b.Limits.Node), "limits")
	differs(yamlconf.Same(a.Middleware.Node, b.Middleware.Node), "middleware")
	if len(s.lanes) != len(next.lanes) {
		differs(false, "the number of filters")
		return errors.Join(errs...)
	}
	for i, l := range s.lanes {
		differs(l.sameOptions(next.lanes[i]), fmt.Sprintf("filter %s: the kind, name, dry_run, fail or when", l.name))
	}
	return errors.Join(errs...)
}
