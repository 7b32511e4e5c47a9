package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Shadow makes a filter a shadow: see Config.Shadow.
type Shadow struct {
	// Of is the name of the filter of the same router that the milter is compared with.
	// Mount the shadow directly before it, so that both see the same message.
	Of string
	// Report gets each message in which the two differ, or in which the milter failed.
	// Goroutines of the filter call it, when the mail server has its answer. It must be
	// safe for concurrent use. If it is nil, the log gets a line for each such message, as
	// far as [framework.Session.BoundedLogger] allows.
	Report func(Difference)
	// Normalize, if not nil, gets each edit of either filter before they are compared, and
	// returns it without what does not matter, such as the time in a signature. Edits for
	// which it returns false are not compared.
	Normalize func(Edit) (Edit, bool)
	// MaxQueued is the maximum number of bytes that wait in memory for the milter, in all
	// sessions together. A message that finds no room is not compared. It defaults to 64
	// MiB. Each session counts 16 KiB until the milter has answered all of it, so that
	// MaxQueued bounds the connections to the milter, too: 4,096 by default.
	MaxQueued int
}

const defaultMaxQueued = 64 << 20

// check returns all mistakes in the settings together. name is the name of the filter.
func (s *Shadow) check(name string) error {
	var errs []error
	switch s.Of {
	case "":
		errs = append(errs, errors.New("remote: Shadow.Of is empty: give the name of the filter to compare with"))
	case name:
		errs = append(errs, fmt.Errorf("remote: Shadow.Of is %q, which is the shadow itself", name))
	}
	if s.MaxQueued < 0 {
		errs = append(errs, errors.New("remote: Shadow.MaxQueued is negative"))
	}
	return errors.Join(errs...)
}

// Difference is a message in which a shadow and its filter differ, or in which the milter
// failed. It may be retained.
type Difference struct {
	// Filter is the name of the shadow, and Of that of the filter that it is compared with.
	Filter, Of string
	// Session, Message and QueueID identify the message, as in the log.
	Session string
	Message uint64
	QueueID string
	// Err is why the milter failed. The other fields below are then empty.
	Err error
	// Milter and Other are the final verdicts of the milter and of the other filter.
	Milter, Other Decision
	// Verdict reports whether the two verdicts differ.
	Verdict bool
	// Recipients are those that only one of the two refused, or with another reply.
	Recipients []RefusedRecipient
	// Extra are the edits that only the milter makes, and Missing those that only the other
	// filter makes. If all edits are the same and only their order differs, both lists hold
	// them. Edits are not compared unless the message passed for both.
	Extra, Missing []Edit
}

// Differs reports whether anything differs.
func (d *Difference) Differs() bool {
	return d.Verdict || len(d.Recipients)+len(d.Extra)+len(d.Missing) > 0
}

// Decision is a final verdict on a message, and the stage at which it was given. If there was
// none, Verdict is Continue.
type Decision struct {
	Verdict framework.Verdict
	Stage   framework.Stage
}

// passes reports whether the message goes on.
func (d Decision) passes() bool {
	return d.Verdict == framework.Continue || d.Verdict == framework.Accept
}

// same reports whether two decisions have the same effect on the message.
func (d Decision) same(other Decision) bool {
	if d.passes() || other.passes() {
		return d.passes() == other.passes()
	}
	return d.Stage == other.Stage && d.Verdict.String() == other.Verdict.String()
}

// RefusedRecipient is a recipient, as the client spelled it, about whom two filters differ.
// Continue means that the filter did not refuse.
type RefusedRecipient struct {
	Address       string
	Milter, Other framework.Verdict
}

// Edit is one change of a message, as far as it has an effect: of several changes of one field
// the last counts.
type Edit struct {
	// Kind is the libmilter name of the modification: addheader for each field that is
	// added, wherever that is; chgheader, delheader, addrcpt, delrcpt, chgfrom, replacebody
	// or quarantine.
	Kind string
	// Name is the name of the field, or an address without angle brackets.
	Name string
	// Value is what follows the colon of the new field, or of the deleted one, as it stands
	// in the message, with lines separated by LF; the ESMTP arguments of an address; the
	// length and the SHA-256 of a body; the reason for a quarantine.
	Value string
	// Place is the number of the field that is changed or deleted, from 1 at the top, as the
	// two filters were shown the header. For a field that is added, it is the number of
	// fields above that stay: 0 at the top, and -1 above the mail server's own Received.
	Place int
}

// String returns the kind, the name and the value.
func (e Edit) String() string { return fmt.Sprintf("%s %s %q at %d", e.Kind, e.Name, e.Value, e.Place) }

// ShadowStats counts messages. Each message is in one of the counts Compared, Failed, Skipped
// and Undecided.
type ShadowStats struct {
	Compared  uint64 // in which both decided
	Differed  uint64 // of those compared
	Failed    uint64 // in which the milter failed
	Skipped   uint64 // for which Shadow.MaxQueued had no room
	Undecided uint64 // that ended before both had decided, or of which the milter was not shown enough, or in which the other filter failed
}

// ShadowStats returns what a shadow has counted so far, on all routers.
func (f *Filter) ShadowStats() ShadowStats {
	if f.shadow == nil {
		return ShadowStats{}
	}
	c := &f.shadow.counts
	return ShadowStats{
		Compared: c.compared.Load(), Differed: c.differed.Load(), Failed: c.failed.Load(),
		Skipped: c.skipped.Load(), Undecided: c.undecided.Load(),
	}
}

// shadow is what the sessions of a shadow have in common.
type shadow struct {
	Shadow

	ctx    context.Context //nolint:containedctx // of the goroutines, until close
	cancel context.CancelFunc
	counts struct{ compared, differed, failed, skipped, undecided atomic.Uint64 }
	queued atomic.Int64

	mu      sync.Mutex
	closed  bool
	workers sync.WaitGroup
}

func newShadow(cfg *Config) *shadow {
	if cfg.Shadow == nil {
		return nil
	}
	sh := &shadow{Shadow: *cfg.Shadow}
	if sh.MaxQueued == 0 {
		sh.MaxQueued = defaultMaxQueued
	}
	sh.ctx, sh.cancel = context.WithCancel(context.Background())
	return sh
}

// reserve takes memory for the queues, and reports whether there is room.
func (sh *shadow) reserve(n int) bool {
	if sh.queued.Add(int64(n)) <= int64(sh.MaxQueued) {
		return true
	}
	sh.release(n)
	return false
}

func (sh *shadow) release(n int) { sh.queued.Add(-int64(n)) }

// start runs a goroutine until close, and reports whether it does.
func (sh *shadow) start(run func()) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return false
	}
	sh.workers.Go(run)
	return true
}

// closing is how long a shadow may compare messages after close.
const closing = 5 * time.Second

// close waits for the goroutines whose sessions have ended, and stops the others.
func (sh *shadow) close() {
	if sh == nil {
		return
	}
	sh.mu.Lock()
	sh.closed = true
	sh.mu.Unlock()
	stop := time.AfterFunc(closing, sh.cancel)
	sh.workers.Wait()
	stop.Stop()
	sh.cancel()
}
