package main

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/sluicemail/sluice/framework"
)

// Filter carries out its orders, and prints a line for each event. It must not
// be copied once it is registered.
type Filter struct {
	Orders
	// Out takes the lines, each in one write.
	Out io.Writer
	// Stop is called, once, when the last of Orders.Connections is over.
	Stop func()

	mu     sync.Mutex // guards Out and served
	served int
	macros []framework.Macro
}

// Name implements [framework.Filter].
func (*Filter) Name() string { return "testmilter" }

// Register implements [framework.Filter].
func (f *Filter) Register(r *framework.Router) error {
	for _, name := range f.Macros {
		f.macros = append(f.macros, r.WantMacro(f.MacroStage, name))
	}
	if f.RawHeaders {
		r.WantRawHeaders()
	}
	f.session(r)
	f.envelope(r)
	f.content(r)
	f.endOfMessage(r)
	r.ObserveAbort(func(s *framework.Session, _ *framework.Abort) error {
		f.print(s, framework.StageAbort, "abort")
		return nil
	})
	r.ObserveClose(func(s *framework.Session, _ *framework.Close) error {
		f.print(s, framework.StageClose, "close")
		f.count()
		return nil
	})
	return nil
}

// verdict returns what is ordered for a stage.
func (f *Filter) verdict(stage framework.Stage) framework.Verdict {
	if stage == f.At {
		return f.Verdict
	}
	return framework.Continue
}

// count ends the program after the connections that were ordered.
func (f *Filter) count() {
	f.mu.Lock()
	f.served++
	last := f.served == f.Connections
	f.mu.Unlock()
	if last {
		f.Stop()
	}
}

// print writes a line, and those of the macros that were asked for at the
// stage.
func (f *Filter) print(s *framework.Session, stage framework.Stage, format string, args ...any) {
	line := fmt.Appendf(nil, format+"\n", args...)
	if stage == f.MacroStage {
		for _, m := range f.macros {
			if value, ok := m.Value(s); ok {
				line = fmt.Appendf(line, "macro %s=%s\n", m.Name(), quoted(value))
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = f.Out.Write(line)
}

// on registers a handler where the orders want the stage: one that answers, or
// one that does not.
//
// The twin methods of the router have a type for each stage, so that a filter
// which chooses between them needs a function of its own to do so.
func on[E framework.Event](
	f *Filter, stage framework.Stage, show func(*framework.Session, E),
	answer func(func(*framework.Session, E) (framework.Verdict, error)),
	observe func(func(*framework.Session, E) error),
) {
	switch {
	case slices.Contains(f.Unsent, stage):
	case slices.Contains(f.Unanswered, stage):
		observe(func(s *framework.Session, e E) error {
			show(s, e)
			return nil
		})
	default:
		answer(func(s *framework.Session, e E) (framework.Verdict, error) {
			show(s, e)
			return f.verdict(stage), nil
		})
	}
}
