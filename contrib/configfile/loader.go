package configfile

import (
	"context"
	"fmt"
)

// Loader runs functions that read files, and gives up waiting for a function
// that hangs, for example because a network file system does not answer. It
// runs one function at a time. So however often a program tries again, at most
// one goroutine hangs.
//
// A Loader is safe for concurrent use.
type Loader[T any] struct {
	turn chan struct{} // holds a token while a function runs
}

// NewLoader returns a loader.
func NewLoader[T any]() *Loader[T] { return &Loader[T]{turn: make(chan struct{}, 1)} }

// Load runs a function in a goroutine and returns what it returns. If an
// earlier function still runs, Load first waits for its end.
//
// If the context ends first, Load returns an error that wraps the context's
// cause. The function may then still run, and its result is dropped. So the
// function must only read, and must not change what others use.
func (l *Loader[T]) Load(ctx context.Context, load func() (T, error)) (T, error) {
	var none T
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return none, fmt.Errorf("an earlier read of the files has not ended: %w", context.Cause(ctx))
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1) // buffered: the goroutine ends if no one waits for it
	go func() {
		defer func() { <-l.turn }()
		value, err := load()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, fmt.Errorf("gave up reading the files: %w", context.Cause(ctx))
	}
}
