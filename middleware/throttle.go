package middleware

import (
	"fmt"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// ThrottleConfig bounds how much of a filter runs at once: see [Throttle] and
// [MaxMessages]. Each filter has its own places: the limit is per lane, over all
// connections.
type ThrottleConfig struct {
	// Max is the number of places, at least 1.
	Max int
	// Queue is how many may wait for a place; 0 means that nobody waits.
	Queue int
	// Wait is the longest time to wait. 0 means as long as the framework
	// allows a handler: until the session's context ends. Keep it well below
	// the MTA's patience: Postfix has 30 seconds for a command.
	Wait time.Duration
	// Full is the verdict when there is neither a place nor room in the
	// queue, or the wait was too long. It must be one that refuses. The zero
	// value means 451 4.3.2, "mail filter is busy, try again later".
	Full framework.Verdict
}

// check returns what is wrong with the configuration, or "".
func (cfg *ThrottleConfig) check() string {
	switch {
	case cfg.Max < 1:
		return fmt.Sprintf("Max is %d, and must be at least 1", cfg.Max)
	case cfg.Queue < 0 || cfg.Wait < 0:
		return "Queue and Wait must not be negative"
	case cfg.Full != framework.Continue && !cfg.Full.Refuses():
		return fmt.Sprintf("Full is %v, which refuses nothing", cfg.Full)
	}
	return ""
}

func (cfg *ThrottleConfig) full() framework.Verdict {
	if cfg.Full == framework.Continue {
		return framework.MustReply(451, "4.3.2", "mail filter is busy, try again later")
	}
	return cfg.Full
}

// Throttle bounds how many of the handlers that it wraps run at once: each call
// takes a place and gives it back when it returns, also by a panic. It suits
// handlers that do the costly work at one stage, most of all the end of message,
// where the client's slowness keeps no place.
//
// The handlers of Abort and Close run in any case: they clean up.
//
// It adds nothing to the plan.
func Throttle(cfg ThrottleConfig) framework.Middleware {
	slots, full := framework.OncePerFilter(framework.PerConnection[turn]), cfg.full()
	gates := framework.OncePerFilter(func(*framework.Route) *gate { return newGate(&cfg) })
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if wrong := cfg.check(); wrong != "" {
			rt.Errorf("Throttle: %s", wrong)
			return next
		}
		if ends(rt.Stage()) {
			return next
		}
		slot, g := slots(rt), gates(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			t := slot.Get(s)
			if t.inside {
				return next(s, ev)
			}
			if !g.enter(s.Context(), &t.place) {
				return full, nil
			}
			t.inside = true
			defer func() {
				t.inside = false
				g.leave(&t.place)
			}()
			return next(s, ev)
		}
	}
}

// turn is the place of the handler that runs: a session runs one at a time. One
// that is wrapped twice by the same Throttle takes one place.
type turn struct {
	place  place
	inside bool
}

// MaxMessages bounds how many messages a filter deals with at once: a message
// takes a place at the first of its handlers that is wrapped, and gives it back
// when it ends, however it does: by a verdict, an abort, or a connection that
// breaks. It suits filters that hold something costly for a message.
//
// A slow client keeps its place; to count only from some stage on, put
// MaxMessages around the handlers of that stage and later ones: see
// [OnlyStages].
//
// The place of a message whose handler ran past its deadline, or whose MTA is
// gone, is given to another when one is wanted; should the handler come back to
// life, the next one queues up again.
//
// It adds nothing to the plan.
func MaxMessages(cfg ThrottleConfig) framework.Middleware {
	slots, full := framework.OncePerFilter(framework.PerMessage[heldPlace]), cfg.full()
	gates := framework.OncePerFilter(func(*framework.Route) *gate { return newGate(&cfg) })
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if wrong := cfg.check(); wrong != "" {
			rt.Errorf("MaxMessages: %s", wrong)
			return next
		}
		if !ofMessage(rt.Stage()) {
			return next
		}
		slot, g := slots(rt), gates(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			h := slot.Get(s)
			if !h.ready() && !h.take(s, g) {
				return full, nil
			}
			return next(s, ev)
		}
	}
}

// heldPlace is a message's place, in the session's state.
type heldPlace struct {
	gate  *gate
	place *place
}

// ready reports whether the message has a place that is not in doubt.
func (h *heldPlace) ready() bool { return h.place != nil && h.place.ctx.Err() == nil }

// take gets a place, or makes sure of the one that it has: a context that ended
// is replaced by the one of the handler that begins.
func (h *heldPlace) take(s *framework.Session, g *gate) bool {
	if h.place != nil && g.renew(s.Context(), h.place) {
		return true
	}
	h.gate, h.place = g, new(place)
	if !g.enter(s.Context(), h.place) {
		h.place = nil
		return false
	}
	return true
}

// ResetSlot is called by the framework after each message.
func (h *heldPlace) ResetSlot() {
	if h.place != nil {
		h.gate.leave(h.place)
		h.place = nil
	}
}

// ends reports whether the stage is one at which handlers clean up.
func ends(stage framework.Stage) bool {
	return stage == framework.StageAbort || stage == framework.StageClose
}

// ofMessage reports whether a message is under way at the stage for certain.
func ofMessage(stage framework.Stage) bool {
	return stage >= framework.StageMail && stage <= framework.StageEndOfMessage
}
