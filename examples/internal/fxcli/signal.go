package fxcli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"go.uber.org/fx"
)

// SignalTimeout is how long the context of a function that [OnSignal] calls
// lasts.
const SignalTimeout = 30 * time.Second

// The causes with which the context of a function that [OnSignal] calls ends.
var (
	errSlow     = errors.New("it took longer than " + SignalTimeout.String())
	errStopping = errors.New("the program is stopping")
)

// OnSignal calls handle for every signal of a kind while the application runs. A
// signal that arrives before the start is handled at the start. A signal that
// arrives while handle runs is logged, and handled once handle has returned; any
// number of such signals count as one. A signal that arrives during the stop has
// no effect. None of these ends the process.
//
// The context of handle ends after [SignalTimeout], and when the application
// stops. Handle must then return, because the stop waits for it.
func OnSignal(lc fx.Lifecycle, sig os.Signal, log *slog.Logger, handle func(context.Context)) {
	h := &signalHandler{signals: make(chan os.Signal, 1), done: make(chan struct{}), log: log, handle: handle}
	h.running, h.stop = context.WithCancelCause(context.Background())
	signal.Notify(h.signals, sig)
	lc.Append(fx.StartStopHook(
		func() { go h.watch() },
		func() {
			h.stop(errStopping)
			<-h.done
		},
	))
}

// signalHandler calls a function for signals, one at a time.
type signalHandler struct {
	signals chan os.Signal
	log     *slog.Logger
	handle  func(context.Context)
	running context.Context // canceled when the application stops
	stop    context.CancelCauseFunc
	done    chan struct{} // closed when watch has returned
}

func (h *signalHandler) watch() {
	defer close(h.done)
	for again := false; ; {
		if !again {
			select {
			case <-h.running.Done():
				return
			case <-h.signals:
			}
		}
		if again = h.call(); h.running.Err() != nil {
			return
		}
	}
}

// call calls the function and reports whether a signal arrived before it
// returned.
func (h *signalHandler) call() (again bool) {
	ctx, cancel := context.WithTimeoutCause(h.running, SignalTimeout, errSlow)
	defer cancel()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		h.handle(ctx)
	}()
	for {
		select {
		case <-returned:
			return again
		case sig := <-h.signals:
			again = true
			h.log.Warn("still reloading; reloading again afterwards", "signal", sig.String())
		}
	}
}
