package miltertest

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// T is what the kit needs of a test. A *testing.T, a *testing.B and a testing.TB
// are one, and [ExampleT] makes one where there is no test.
type T interface {
	// Name begins the label of the goroutines of a server.
	Name() string
	Helper()
	// Context ends what waits for a filter.
	Context() context.Context
	// Cleanup has fn called at the end, the last one first.
	Cleanup(fn func())
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// FailNow does not return.
	FailNow()
}

// StandIn is a [T] where there is no test: in an Example, or in a program. See
// [ExampleT]. Its methods may be called from any goroutine.
type StandIn struct {
	mu       sync.Mutex
	out      io.Writer
	ctx      context.Context //nolint:containedctx // as a *testing.T has one
	cancel   context.CancelFunc
	failed   bool
	cleanups []func()
}

// ExampleT returns a [T] for an Example, whose output w is usually os.Stdout: what
// fails is written there, and so the output is not what was expected. Finish
// must be called at the end:
//
//	t := miltertest.ExampleT(os.Stdout)
//	defer t.Finish()
//
// What would end a test, such as a filter that cannot be registered, panics.
func ExampleT(w io.Writer) *StandIn {
	t := &StandIn{out: w}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Finish does what the end of a test does: it closes the servers, and shows
// what happened if something failed. It reports whether nothing failed.
func (t *StandIn) Finish() bool {
	t.cancel()
	for fn := t.pop(); fn != nil; fn = t.pop() {
		fn()
	}
	return !t.Failed()
}

func (t *StandIn) pop() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.cleanups) - 1
	if last < 0 {
		return nil
	}
	fn := t.cleanups[last]
	t.cleanups = t.cleanups[:last]
	return fn
}

// Name implements [T].
func (*StandIn) Name() string { return "Example" }

// Helper implements [T]. It does nothing.
func (*StandIn) Helper() {}

// Context implements [T]. The context ends with Finish.
func (t *StandIn) Context() context.Context { return t.ctx }

// Cleanup implements [T]. The functions are called by Finish.
func (t *StandIn) Cleanup(fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, fn)
}

// Failed implements [T].
func (t *StandIn) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// Logf implements [T].
func (t *StandIn) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

// Errorf implements [T].
func (t *StandIn) Errorf(format string, args ...any) {
	t.fail()
	t.Logf(format, args...)
}

// FailNow implements [T]. It panics: there is no test that could end.
func (t *StandIn) FailNow() {
	t.fail()
	panic("miltertest: what was written before ends the example")
}

func (t *StandIn) fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
}
