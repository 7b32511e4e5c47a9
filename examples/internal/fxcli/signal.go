package fxcli

import (
	"os"
	"os/signal"

	"go.uber.org/fx"
)

// OnSignal calls handle for every signal of a kind while the application runs. A
// signal that arrives before the start is handled at the start. A signal that
// arrives during the stop has no effect. Neither ends the process.
func OnSignal(lc fx.Lifecycle, sig os.Signal, handle func()) {
	signals, stop, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, sig)
	lc.Append(fx.StartStopHook(
		func() {
			go func() {
				defer close(done)
				for {
					select {
					case <-stop:
						return
					case <-signals:
						handle()
					}
				}
			}()
		},
		func() {
			close(stop)
			<-done
		},
	))
}
