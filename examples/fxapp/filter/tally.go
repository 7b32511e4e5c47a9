package filter

import (
	"log/slog"
	"sync/atomic"

	"go.uber.org/fx"
)

// Tally counts accepted messages and refused senders.
type Tally struct{ passed, refused atomic.Int64 }

// NewTally returns a tally that is logged when the application stops. The
// filters depend on the tally, so fx stops it after the server, when the last
// message has been counted.
func NewTally(lc fx.Lifecycle, log *slog.Logger) *Tally {
	t := new(Tally)
	lc.Append(fx.StopHook(func() {
		log.Info("tally", "passed", t.passed.Load(), "refused", t.refused.Load())
	}))
	return t
}
