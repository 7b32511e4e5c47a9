package miltertest_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
)

// fakeT is a T whose failure does not fail the real test.
type fakeT struct {
	mu       sync.Mutex
	out      io.Writer
	failed   bool
	ended    bool
	cleanups []func()
}

func newFakeT(out io.Writer) *fakeT { return &fakeT{out: out} }

// trial runs body with a fakeT, and returns its output and its state.
func trial(body func(t *fakeT)) (out string, ft *fakeT) {
	var b strings.Builder
	ft = newFakeT(&b)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer ft.finish()
		body(ft)
	}()
	<-done
	return b.String(), ft
}

func (t *fakeT) finish() {
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		fn := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		fn()
	}
}

func (*fakeT) Helper()                  {}
func (*fakeT) Name() string             { return "TestFake" }
func (*fakeT) Context() context.Context { return context.Background() }
func (t *fakeT) Cleanup(fn func())      { t.cleanups = append(t.cleanups, fn) }
func (t *fakeT) Failed() bool           { return t.failed }

func (t *fakeT) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

func (t *fakeT) Errorf(format string, args ...any) {
	t.failed = true
	t.Logf(format, args...)
}

func (t *fakeT) FailNow() {
	t.failed, t.ended = true, true
	runtime.Goexit()
}
