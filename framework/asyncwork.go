package framework

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// work is one call of a function beside its session.
type work[T any] struct {
	workContext
	stop    context.CancelFunc // ends the context
	journal asyncJournal
	by      asker
	asyncs  *asyncs

	decided atomic.Bool   // the result is chosen: what the function returned, or why it is late
	done    chan struct{} // closed when value and err are written
	value   T
	err     error
}

func newWork[T any](s *Session, by asker, perMessage bool) *work[T] {
	w := &work[T]{journal: newAsyncJournal(s), by: by, asyncs: &s.shared.asyncs, done: make(chan struct{})}
	w.wrapped, w.values = s.context.wrapped, s.context.valuesOf(s.inMessage())
	w.notes = asyncNotes(s.context.notes, perMessage)
	scope := s.context.ofAsync(s.shared.base, perMessage)
	w.Context, w.stop = context.WithTimeoutCause(scope, s.shared.cfg.MessageTimeout, ErrHandlerTimeout)
	return w
}

// run calls the function inside of the hooks and keeps its result. A panic, or the end of
// the goroutine by runtime.Goexit, is an error.
func (w *work[T]) run(hooks []asyncHook, fn func(context.Context) (T, error)) {
	defer w.asyncs.leave()
	var value T
	err := errGoexit
	began := time.Now()
	defer func() { w.finish(value, err, began) }()
	call := func(ctx context.Context) error {
		return contained(func() (err error) {
			value, err = fn(ctx)
			return err
		})
	}
	for _, hook := range hooks {
		inner := call
		call = func(ctx context.Context) error {
			return contained(func() error { return hook(ctx, w.by.filter, w.by.where, inner) })
		}
	}
	err = call(w)
}

// finish keeps what the function returned. If its context has ended, the error says why,
// so that Wait does not return an error first and a value later.
func (w *work[T]) finish(value T, err error, began time.Time) {
	defer w.stop()
	err = w.journal.panicked(w.by, err)
	RecordNote(w, "async", w.by.method+" at "+w.by.where, began, err)
	if ended := context.Cause(w); ended != nil {
		var zero T
		value, err = zero, joined(ended, err)
	}
	w.decide(value, err)
}

// joined returns why a context has ended, with the error of the function that it ended.
func joined(cause, err error) error {
	if err == nil || errors.Is(err, cause) {
		return cause
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// decide sets the result if there is none yet.
func (w *work[T]) decide(value T, err error) {
	if w.decided.CompareAndSwap(false, true) {
		w.value, w.err = value, err
		close(w.done)
	}
}

// ready reports whether result returns without waiting.
func (w *work[T]) ready() bool {
	select {
	case <-w.done:
		return true
	case <-w.Done():
		return true
	default:
		return false
	}
}

// result returns the result, which is the cause of the end if the context has ended first.
func (w *work[T]) result() (T, error) {
	select {
	case <-w.done:
	default:
		var zero T
		w.decide(zero, context.Cause(w))
		<-w.done // if the function decided meanwhile, it closes done now
	}
	return w.value, w.err
}

// wait returns the result, or why the context of the handler that waits has ended.
func (w *work[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-w.done:
	case <-w.Done():
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
	return w.result()
}

// workContext is the context of a function that runs beside its session. It ends by
// itself, and not with a handler, and has the values of the handler's context.
type workContext struct {
	context.Context                 //nolint:containedctx // it is one itself
	wrapped         context.Context //nolint:containedctx // by CallWithContext, around the handler that called Start
	values          *contextValue
	notes           *noteSource // or nil
}

// Value implements context.Context. Its own context comes first, so that package context
// finds what ends it, rather than what ends the handler's context.
func (c *workContext) Value(key any) any {
	if _, ok := key.(noteKey); ok && c.notes != nil {
		return c.notes
	}
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if c.wrapped != nil {
		return c.wrapped.Value(key)
	}
	return c.values.find(c.Context, key)
}

// asyncJournal logs that a function panicked. The function may run when its session is
// over, so the journal has copies of what identifies the message.
type asyncJournal struct {
	s       *Session // for what does not change
	queueID string
	message uint64
}

func newAsyncJournal(s *Session) asyncJournal {
	j := asyncJournal{s: s, queueID: s.QueueID()}
	if s.inMessage() {
		j.message = s.message.number
	}
	return j
}

// panicked logs the panic that err is, if it is one, and returns the error without the
// stack, so that a handler that returns it does not log the stack again.
func (j asyncJournal) panicked(by asker, err error) error {
	stack, ok := stackOf(err)
	if !ok {
		return err
	}
	p, _ := errors.AsType[*PanicError](err)
	attrs := []any{"filter", by.filter, "where", by.where, "peer", j.s.log.peer}
	if j.queueID != "" {
		attrs = append(attrs, "queue_id", j.queueID)
	}
	if j.message > 0 {
		attrs = append(attrs, "message", j.message)
	}
	journal{j.s}.ofServer().Error("async function panicked", append(attrs, "error", p, "stack", stack)...)
	return &PanicError{Value: p.Value}
}
