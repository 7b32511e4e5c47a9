package remote

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/sluicemail/sluice/framework"
)

// breaker decides whether a milter gets sessions, from how its last ones went.
type breaker struct {
	circuit *gobreaker.TwoStepCircuitBreaker[struct{}]
	log     *slog.Logger
	pause   time.Duration
	last    atomic.Pointer[error] // of the milter
}

func newBreaker(cfg *Config, addr string) *breaker {
	b := &breaker{log: cfg.Logger.With("filter", cfg.Name, "milter", addr), pause: cfg.EjectFor}
	b.circuit = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:       cfg.EjectFor,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(cfg.EjectAfter) },
		OnStateChange: func(_ string, from, to gobreaker.State) { b.changed(from, to) },
		IsExcluded:    endedByCaller,
	})
	return b
}

// changed logs the first pause after the milter worked, and the end of the last one.
func (b *breaker) changed(from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed:
		b.log.Warn("milter failed; it gets no sessions until it answers", "try_again_after", b.pause, "error", *b.last.Load())
	case to == gobreaker.StateClosed:
		b.log.Info("milter answers again")
	}
}

// admission is how a breaker lets a session to its milter.
type admission uint8

const (
	admitted admission = iota
	trying             // another session tries the milter, which may be back
	ejected
)

// admit returns how the session is let to the milter.
func (b *breaker) admit() (admission, *ticket) {
	done, err := b.circuit.Allow()
	switch {
	case err == nil:
		return admitted, &ticket{b, done}
	case errors.Is(err, gobreaker.ErrTooManyRequests):
		return trying, &ticket{breaker: b}
	}
	return ejected, nil
}

// ticket reports how a session went to the breaker that admitted it.
type ticket struct {
	breaker *breaker
	done    func(error) // nil after the first report
}

// succeeded reports that the milter has handled a message, or a session without one.
func (t *ticket) succeeded() {
	if t.done != nil {
		t.done(nil)
		t.done = nil
	}
}

// failed reports that the milter has failed. After a success it counts as another session.
func (t *ticket) failed(err error) {
	t.breaker.last.Store(&err)
	done := t.done
	if t.done = nil; done == nil {
		var refused error
		if done, refused = t.breaker.circuit.Allow(); refused != nil {
			return
		}
	}
	done(err)
}

// endedByCaller reports whether an error says only that the session ended. Such an error
// does not count against the milter. The deadline of a handler does, because the handler
// waited for the milter.
func endedByCaller(err error) bool {
	return errors.Is(err, framework.ErrPeerGone) || errors.Is(err, framework.ErrMessageOver) ||
		errors.Is(err, framework.ErrSessionOver) || errors.Is(err, context.Canceled)
}
