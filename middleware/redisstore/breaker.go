package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"github.com/sluicemail/sluice/middleware"
)

// breaker is a circuit breaker around the server. Without it, each event waits for the
// timeout while the server is away.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[time.Duration]
	log     *slog.Logger
	pause   time.Duration
	last    atomic.Pointer[error] // the server's last error
}

func newBreaker(cfg Config) *breaker {
	b := &breaker{log: cfg.Logger, pause: cfg.Pause}
	b.circuit = gobreaker.NewCircuitBreaker[time.Duration](gobreaker.Settings{
		Timeout:       cfg.Pause,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(cfg.Failures) },
		OnStateChange: func(_ string, from, to gobreaker.State) { b.changed(from, to) },
		IsExcluded:    func(err error) bool { return errors.As(err, new(callerError)) },
		IsSuccessful:  func(err error) bool { return err == nil || isReply(err) },
	})
	return b
}

// callerError is an error of a call whose own context ended, for example because the MTA
// went away. It says nothing about the server.
type callerError struct{ error }

// Unwrap lets errors.Is find the reason.
func (e callerError) Unwrap() error { return e.error }

// isReply reports whether the server itself replied with an error, such as WRONGTYPE for a
// key that another program wrote. A pause would not help: the next key may be good. The
// replies that say that the server takes no scripts now are failures.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && !isRefusalOfAll(reply)
}

// isRefusalOfAll reports whether a reply concerns every key, so that the other events
// would get it too.
func isRefusalOfAll(reply error) bool {
	return redis.IsOOMError(reply) || redis.IsLoadingError(reply) || redis.IsReadOnlyError(reply) ||
		redis.IsClusterDownError(reply) || redis.IsMasterDownError(reply) || redis.IsMaxClientsError(reply) ||
		redis.IsAuthError(reply) || redis.IsPermissionError(reply) || redis.IsNoReplicasError(reply)
}

// endedByCaller reports whether the caller's context, and not the store's own limit, ended
// a call with the error. A connection may reach a deadline shortly before the context does.
func endedByCaller(ctx context.Context, err error) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline) || errors.Is(err, context.Canceled)
}

// call calls ask, unless the store pauses.
func (b *breaker) call(ctx context.Context, ask func() (time.Duration, error)) (time.Duration, error) {
	wait, err := b.circuit.Execute(func() (time.Duration, error) {
		wait, err := ask()
		switch {
		case err == nil:
		case endedByCaller(ctx, err):
			err = callerError{err}
		default:
			b.last.Store(&err)
		}
		return wait, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return 0, fmt.Errorf("%w: %w", middleware.ErrRateStorePaused, b.lastError())
	}
	return wait, err
}

// lastError returns the server's last error. It is nil only after a panic.
func (b *breaker) lastError() error {
	if err := b.last.Load(); err != nil {
		return *err
	}
	return nil
}

// changed logs the first pause after the server answered, and the end of the last one.
// gobreaker calls it before call returns.
func (b *breaker) changed(from, to gobreaker.State) {
	switch {
	case from == gobreaker.StateClosed:
		b.log.Warn("rate store failed; paused until it answers", "try_again_after", b.pause, "error", b.lastError())
	case to == gobreaker.StateClosed:
		b.log.Info("rate store answers again")
	}
}
