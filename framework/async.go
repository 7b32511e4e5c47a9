package framework

import (
	"context"
	"errors"
)

// AsyncValue is a value that a function works out beside the session, while the MTA sends
// more of the message and other handlers run. [Async] and [AsyncPerConnection] create
// one. Like [Slot.Get], the methods panic for the zero AsyncValue and for a session of
// another router.
type AsyncValue[T any] struct {
	slot       Slot[asyncState[T]]
	by         asker
	perMessage bool
}

// asyncState is the state of an AsyncValue in one session.
type asyncState[T any] struct{ work *work[T] }

// Async returns a value for each message, which a handler has worked out beside the
// session. Start it as soon as the filter knows what to ask, and wait where the filter
// needs the value:
//
//	listed := framework.Async[bool](r)
//	r.ObserveMail(func(s *framework.Session, m *framework.Mail) error {
//		sender := m.Sender()
//		return listed.Start(s, func(ctx context.Context) (bool, error) { return lookUp(ctx, sender) })
//	})
//	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
//		bad, err := listed.Wait(s)
//		…
//	})
//
// To start something with the whole message, use [Router.BeforeEndOfMessage].
// Config.MaxAsync limits how many functions of a server run at the same time. It asks
// nothing of the MTA.
func Async[T any](r *Router) AsyncValue[T] { return newAsync[T](r, "Async", true) }

// AsyncPerConnection is like [Async], but the value lasts for one SMTP session, and its
// function may be started and waited for outside of messages, too.
func AsyncPerConnection[T any](r *Router) AsyncValue[T] {
	return newAsync[T](r, "AsyncPerConnection", false)
}

func newAsync[T any](r *Router, method string, perMessage bool) AsyncValue[T] {
	return AsyncValue[T]{
		slot: newSlot[asyncState[T]](r.reg, perMessage), by: asker{method, caller(), r.lane.name}, perMessage: perMessage,
	}
}

// Start calls fn in another goroutine and returns at once. Any handler may call it, one
// that only observes, too.
//
// fn must not use the session or an event, nor the bytes that an event lent, such as those
// of [Body.Chunk]: take copies of what it needs. It may read the message itself from a reader
// that was taken in [Router.BeforeEndOfMessage] and is valid until the message ends: see
// [KeptBody.Reader].
//
// The context of fn has the values of [Session.Context], such as the span of a trace. The
// context ends, and with it the interest in the value, when the message ends
// ([ErrMessageOver]) or, for [AsyncPerConnection], the SMTP session ([ErrSessionOver]),
// however that comes about. It ends earlier if the MTA closes the connection while a handler
// runs ([ErrPeerGone]), and after Config.MessageTimeout ([ErrHandlerTimeout]). The session
// does not wait until fn returns, but fn counts for Config.MaxAsync until then. So fn must
// return soon after its context has ended. A value that it returns later is dropped.
//
// Start may be called again, as when a client repeats HELO. Then the context of the
// previous function ends, and its value is dropped, even if this one cannot start. The
// error is [ErrTooManyAsync] if Config.MaxAsync functions run; [ErrNoMessage] if no message
// is open for the value of a message, at Abort, and outside of a handler;
// [ErrSessionOver] at Close; and [ErrServerClosed] after [Server.Close].
func (v AsyncValue[T]) Start(s *Session, fn func(ctx context.Context) (T, error)) error {
	s.mustOwn(v.slot.reg, "value of Async")
	if err := v.mayStart(s); err != nil {
		return err
	}
	state := v.slot.Get(s)
	if state.work != nil {
		state.work.stop()
		state.work = nil
	}
	if err := context.Cause(s.shared.base); err != nil {
		return err
	}
	if !s.shared.asyncs.enter(s.shared.cfg.MaxAsync) {
		return ErrTooManyAsync
	}
	state.work = newWork[T](s, v.by, v.perMessage)
	go state.work.run(s.plan.around, fn)
	return nil
}

// mayStart returns the error of Start at a stage at which nothing can be started.
func (v AsyncValue[T]) mayStart(s *Session) error {
	stage := s.watch.stage
	switch {
	case s.lanes.running == nil, v.perMessage && (!s.inMessage() || stage == StageAbort):
		return ErrNoMessage
	case stage == StageClose:
		return ErrSessionOver
	}
	return nil
}

// errNotStarted is returned by Wait if there is nothing to wait for. That is a mistake in
// the filter: what it did not start, it need not wait for.
var errNotStarted = errors.New("framework: AsyncValue.Wait without Start in this message or session")

// Wait returns what the function of Start returned, and waits for that if necessary. It
// may be called any number of times. While a handler waits, the MTA receives progress
// replies as during any handler that takes long.
//
// If the function panicked, the error is a [*PanicError], and the server has logged the
// stack. If the function did not return within its time, the error is
// [ErrHandlerTimeout]. Wait itself ends with [Session.Context] and returns the cause:
// [ErrHandlerTimeout] if the handler runs past its deadline, or [ErrPeerGone]. A handler
// that returns the error has the policy of its filter applied: see [Router.Mount].
// Without Start in this message or session there is an error, too.
func (v AsyncValue[T]) Wait(s *Session) (T, error) {
	s.mustOwn(v.slot.reg, "value of Async")
	w := v.slot.Get(s).work
	if w == nil {
		var zero T
		return zero, errNotStarted
	}
	if w.ready() {
		return w.result()
	}
	return w.wait(s.Context())
}

// Ready reports whether Wait returns at once with the function's result or with the reason
// why it has none. It is false before Start.
func (v AsyncValue[T]) Ready(s *Session) bool {
	s.mustOwn(v.slot.reg, "value of Async")
	w := v.slot.Get(s).work
	return w != nil && w.ready()
}
