package miltertest

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// T is the part of a test that the kit uses. *testing.T, *testing.B and
// testing.TB implement it. [ExampleT] returns a T for code that runs without a
// test.
type T interface {
	// Name labels the goroutines of a server.
	Name() string
	Helper()
	// Context cancels operations that wait for a filter.
	Context() context.Context
	// Cleanup registers fn to run when the test ends, last registered
	// first.
	Cleanup(fn func())
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// FailNow ends the test and does not return.
	FailNow()
}

// StandIn is a [T] for an Example or a program, where there is no test: see
// [ExampleT]. Its methods are safe for concurrent use.
type StandIn struct {
	mu       sync.Mutex
	out      io.Writer
	ctx      context.Context //nolint:containedctx // a *testing.T holds one too
	cancel   context.CancelFunc
	failed   bool
	cleanups []func()
}

// ExampleT returns a [T] for an Example. It writes failures to w, usually
// os.Stdout, so that the Example's output differs from the expected output. The
// caller must call Finish at the end:
//
//	t := miltertest.ExampleT(os.Stdout)
//	defer t.Finish()
//
// A failure that would end a test, such as a filter that cannot be registered,
// panics.
func ExampleT(w io.Writer) *StandIn {
	t := &StandIn{out: w}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Finish does what the testing package does at the end of a test: it closes the
// servers and, if something failed, shows their traffic and logs. It reports
// whether nothing failed.
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

// Context implements [T]. Finish cancels the context.
func (t *StandIn) Context() context.Context { return t.ctx }

// Cleanup implements [T]. Finish calls the functions, last registered first.
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

// FailNow implements [T]. It panics, because there is no test to end.
func (t *StandIn) FailNow() {
	t.fail()
	panic("miltertest: the example failed; see the output above")
}

func (t *StandIn) fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
}
