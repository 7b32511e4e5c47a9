package middleware

import (
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/framework"
)

// ErrNoBodyHandler is the error of [framework.Router.Plan] for a [BodyOver] if its
// middleware wraps no handler of Body of a filter.
var ErrNoBodyHandler = errors.New("middleware: a condition on the size of the body wraps no handler of Body")

// BodyOver holds for messages whose body is longer than size, in bytes. It
// ignores the size that the client announces in MAIL, and counts the bytes that
// the wrapped handlers of Body receive. The middleware must wrap such a
// handler in each filter that it wraps: otherwise [framework.Router.Plan] returns an
// error, [ErrNoBodyHandler]. It is known as soon as the body has exceeded the size, or at the end of the message. It
// adds nothing to the plan.
func BodyOver(size int64) Condition {
	return Condition{from: knownFrom{framework.StageBody, framework.StageEndOfMessage}, use: func() func(rt *framework.Route) evaluation {
		slots := framework.OncePerFilter(framework.PerMessage[bodyCount])
		filters := framework.OncePerFilter(newBodyRoutes)
		return func(rt *framework.Route) evaluation {
			return sizeOf(rt.Stage(), slots(rt), filters(rt), size)
		}
	}}
}

func sizeOf(stage framework.Stage, slot framework.Slot[bodyCount], routes *bodyRoutes, size int64) evaluation {
	if stage == framework.StageBody {
		routes.n++
	}
	me := routes.n
	return func(s *framework.Session, ev framework.Event) (truth, error) {
		return slot.Get(s).add(ev, me, size), nil
	}
}

// bodyRoutes counts the handlers of Body of a filter.
type bodyRoutes struct{ n int }

// newBodyRoutes returns the count of a filter, in which there must be one.
func newBodyRoutes(rt *framework.Route) *bodyRoutes {
	routes, filter := new(bodyRoutes), rt.Filter()
	rt.AfterWrapping(func() error {
		if routes.n == 0 {
			return fmt.Errorf("%w of the filter %q", ErrNoBodyHandler, filter)
		}
		return nil
	})
	return routes
}

// bodyCount is the number of bytes of the body that handlers have received.
type bodyCount struct {
	size int64
	by   int // the number of the handler of Body that counts
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
