package middleware

import (
	"errors"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// ErrNeverKnown is the error of a handler that decides before the condition of
// its [When] is known, where no later handler is wrapped at which it could be.
var ErrNeverKnown = errors.New("middleware: a verdict depends on a condition that is not known at any handler that is wrapped")

// When has messages go through the handlers that it wraps if the condition
// holds, and pass them by if not. It wraps whole filters best:
//
//	r.With(middleware.When(middleware.Not(middleware.Authenticated()))).Mount(greylist)
//
// It is decided once for each message, at the first wrapped handler at which
// the condition is known; each condition says from where on that is. Until then
// the handlers are called, because a filter may need what it is shown early, but
// what they decide is held back: it is given as soon as the condition is known
// to hold, and dropped if it does not. A refusal at Rcpt alone is given at once,
// for it is about that recipient. What handlers ask to modify before the condition
// is known is done in any case, and what one on trial decides is logged.
//
// ObserveAbort is called for messages that the filter was shown something of, and
// ObserveClose always.
//
// To choose the middleware around a handler, rather than whether the handler is
// called, see [ApplyWhen]. What When adds to the plan is what its condition says.
func When(c Condition) framework.Middleware {
	d := newDecider(c)
	sessions := framework.OncePerFilter(framework.PerConnection[heldVerdict])
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if d == nil {
			rt.Errorf("When: %s", c.mistake())
			return next
		}
		g := guard{route: d.on(rt), session: sessions(rt), next: next, rejected: rt.Rejected()}
		switch stage := rt.Stage(); {
		case stage == framework.StageClose:
			return next
		case stage == framework.StageAbort:
			return g.abort
		case stage == framework.StageUnknown:
			return g.unknown
		case stage < framework.StageMail:
			return g.ofSession
		}
		return g.ofMessage
	}
}

// ApplyWhen puts middleware around handlers for the messages for which the
// condition holds, and calls the handlers without it for the others, and for as
// long as the condition is not known:
//
//	r.Use(middleware.ApplyWhen(middleware.Authenticated(), middleware.RateLimit(perUser)))
//
// It adds to the plan what the condition and the middleware do. What a middleware
// settles when the plan is made holds for all messages: [DryRun] and [Timeout]
// cannot be applied to some, and the lines and figures that [Logger] and others
// give at the end of a message are for every message.
func ApplyWhen(c Condition, mws ...framework.Middleware) framework.Middleware {
	d := newDecider(c)
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if d == nil {
			rt.Errorf("ApplyWhen: %s", c.mistake())
			return next
		}
		inner := around(rt, next, mws)
		if inner == nil {
			return nil // the router says whose it is
		}
		if rt.Stage() == framework.StageClose {
			return next
		}
		route := d.on(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			t, err := route.decide(s, ev)
			switch {
			case err != nil:
				return framework.Continue, err
			case t == yes:
				return inner(s, ev)
			}
			return next(s, ev)
		}
	}
}

// around puts middleware around a handler for some of the messages.
func around(rt *framework.Route, next framework.Handler, mws []framework.Middleware) framework.Handler {
	trial, event, message := settled(rt)
	for _, mw := range slices.Backward(mws) {
		if next = mw(rt, next); next == nil {
			return nil
		}
	}
	if t, e, m := settled(rt); t != trial || e != event || m != message {
		rt.Errorf("ApplyWhen: DryRun and Timeout hold for all messages, and not for those of a condition alone")
	}
	return next
}

// settled returns what holds for a route whatever comes.
func settled(rt *framework.Route) (trial bool, event, message time.Duration) {
	event, message = rt.Limits()
	return rt.InDryRun(), event, message
}

// heldVerdict is what a handler decided before the condition was known.
type heldVerdict struct {
	held    bool
	verdict framework.Verdict
	err     error
}

// guard stands before one handler.
type guard struct {
	route   deciding
	session framework.Slot[heldVerdict]
	next    framework.Handler

	rejected bool // it is for recipients that the MTA has refused
}

func (g *guard) ofMessage(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
	t, err := g.route.decide(s, ev)
	if err != nil {
		return framework.Continue, err
	}
	st := g.route.slot.Get(s)
	switch held := g.held(s, st); {
	case t == no || t == unknown && held != nil:
		return framework.Continue, nil
	case held != nil:
		return g.say(s, st, ev.Stage(), held)
	}
	st.begun = true
	v, err := g.next(s, ev)
	switch {
	case t == yes || err == nil && v == framework.Continue:
		return v, err
	case ev.Stage() == framework.StageRcpt && (err != nil || v.Refuses()):
		return v, err
	}
	return g.hold(s, &st.early, ev.Stage(), v, err)
}

// say gives what was held back, where it counts: not on trial, and not about a
// recipient that is refused in any case. At Rcpt it may be about one recipient,
// with others to come.
func (g *guard) say(s *framework.Session, st *decision, stage framework.Stage, held *heldVerdict) (framework.Verdict, error) {
	if g.rejected || s.InDryRun() {
		return framework.Continue, nil
	}
	if stage != framework.StageRcpt {
		st.early.held = false
	}
	return held.verdict, held.err
}

// held returns what was held back in the session or the message, or nil.
func (g *guard) held(s *framework.Session, st *decision) *heldVerdict {
	if session := g.session.Get(s); session.held {
		return session
	}
	if st.early.held {
		return &st.early
	}
	return nil
}

func (g *guard) ofSession(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
	t, err := g.route.eval(s, ev)
	if err != nil {
		return framework.Continue, err
	}
	session := g.session.Get(s)
	if t == no || session.held {
		return framework.Continue, nil
	}
	v, err := g.next(s, ev)
	if t == yes || err == nil && v == framework.Continue {
		return v, err
	}
	return g.hold(s, session, ev.Stage(), v, err)
}

// hold keeps a verdict until the condition is known. SkipBody is about a
// moment that has passed then; and of what is on trial the log tells at once.
func (g *guard) hold(s *framework.Session, h *heldVerdict, stage framework.Stage, v framework.Verdict, err error) (framework.Verdict, error) {
	switch {
	case s.InDryRun():
		return v, err
	case err == nil && v == framework.SkipBody:
		return framework.Continue, nil
	case !g.route.later(stage):
		return framework.Continue, errors.Join(ErrNeverKnown, err)
	}
	*h = heldVerdict{true, v, err}
	return framework.Continue, nil
}

func (g *guard) abort(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
	if !g.route.slot.Get(s).begun {
		return framework.Continue, nil
	}
	return g.next(s, ev)
}

// unknown is for commands that the MTA does not know, which come anywhere.
func (g *guard) unknown(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
	if g.route.slot.Get(s).truth == no {
		return framework.Continue, nil
	}
	return g.next(s, ev)
}
