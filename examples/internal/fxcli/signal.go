package fxcli

import (
	"os"
	"os/signal"

	"go.uber.org/fx"
)

// OnSignal calls do at every signal while the application runs. The process
// could die of one that comes before that, which is kept, or while messages
// finish, which does nothing.
func OnSignal(lc fx.Lifecycle, sig os.Signal, do func()) {
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
						do()
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
