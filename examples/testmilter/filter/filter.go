package filter

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/sluicemail/sluice/framework"
)

// Filter carries out its orders and prints a line for each event. It must not be
// copied after registration.
type Filter struct {
	Orders
	// Out receives the lines, each in one call of Write.
	Out io.Writer
	// Stop is called once, when the last of Orders.Connections sessions has
	// ended.
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

// verdict returns the verdict that the orders have for a stage.
func (f *Filter) verdict(stage framework.Stage) framework.Verdict {
	if stage == f.At {
		return f.Verdict
	}
	return framework.Continue
}

// count counts the sessions that have ended and calls Stop after the last one.
func (f *Filter) count() {
	f.mu.Lock()
	f.served++
	last := f.served == f.Connections
	f.mu.Unlock()
	if last {
		f.Stop()
	}
}

// print writes a line. At the stage Orders.MacroStage it adds a line for each
// macro that has a value.
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

// on registers a handler for a stage, unless the stage is in Orders.Unsent. The
// handler is an observer if the stage is in Orders.Unanswered.
//
// The router's methods have different types for each stage, so a filter that
// chooses between On and Observe methods at run time needs a generic function.
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
