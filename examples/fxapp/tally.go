package main

import (
	"log/slog"
	"sync/atomic"

	"go.uber.org/fx"
)

// Tally counts what became of mail.
type Tally struct{ passed, refused atomic.Int64 }

// NewTally returns a tally that is logged when the application stops: after the
// server, for the filters depend on it, and so with the last message counted.
func NewTally(lc fx.Lifecycle, log *slog.Logger) *Tally {
	t := new(Tally)
	lc.Append(fx.StopHook(func() {
		log.Info("tally", "passed", t.passed.Load(), "refused", t.refused.Load())
	}))
	return t
}
