package middleware

import (
	"errors"

	"github.com/sluicemail/sluice/framework"
)

// ErrNoBodyHandler is the error of a condition on the size of messages where
// no handler of the body is wrapped.
var ErrNoBodyHandler = errors.New("middleware: the size is asked for, but no handler of Body is wrapped")

// BodyOver holds for messages whose body is longer than the given number of
// bytes. What a client says of the size in MAIL is not believed. The body is
// counted as the handlers of Body are shown it, so that there must be one among
// what is wrapped, else every message fails with [ErrNoBodyHandler]. It is known
// as soon as so many bytes were shown, and else at the end of the message. It
// adds nothing to the plan.
func BodyOver(size int64) Condition {
	return Condition{use: func() func(rt *framework.Route) evaluation {
		slots := framework.OncePerFilter(framework.PerMessage[bodyCount])
		lanes := framework.OncePerFilter(func(*framework.Route) *bodyRoutes { return new(bodyRoutes) })
		return func(rt *framework.Route) evaluation {
			return sizeOf(rt.Stage(), slots(rt), lanes(rt), size)
		}
	}}
}

func sizeOf(stage framework.Stage, slot framework.Slot[bodyCount], lane *bodyRoutes, size int64) evaluation {
	if stage == framework.StageBody {
		lane.n++
	}
	me := lane.n
	return func(s *framework.Session, ev framework.Event) (truth, error) {
		if lane.n == 0 {
			return unknown, ErrNoBodyHandler
		}
		return slot.Get(s).add(ev, me, size), nil
	}
}

// bodyRoutes counts the handlers of Body in a lane.
type bodyRoutes struct{ n int }

// bodyCount is how much of the body was shown.
type bodyCount struct {
	size int64
	by   int // the handler of Body that counts
}

func (c *bodyCount) add(ev framework.Event, me int, limit int64) truth {
	if b, ok := ev.(*framework.Body); ok {
		if c.by == 0 {
			c.by = me
		}
		if c.by == me {
			c.size += int64(len(b.Chunk()))
		}
	}
	switch {
	case c.size > limit:
		return yes
	case ev.Stage() == framework.StageEndOfMessage:
		return no
	}
	return unknown
}
