package middleware

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// ErrNeverKnown is the error of a handler that returns a verdict before the
// condition of its [When] is known, if When wraps no later handler at which the
// condition could become known. If When wraps none at all, it is the error of
// [framework.Router.Plan].
var ErrNeverKnown = errors.New("middleware: a verdict depends on a condition that no wrapped handler can know")

// When calls the handlers that it wraps only for messages for which the condition
// holds. It should wrap whole filters:
//
//	r.With(middleware.When(middleware.Not(middleware.Authenticated()))).Mount(greylist)
//
// When evaluates the condition once for each message, at the first wrapped
// handler at which it is known. The documentation of each condition says from
// which stage on it is known. Before that stage, When calls the handlers,
// because a filter may need the early events, but it keeps their verdict. It
// returns the verdict as soon as the condition is known to hold, and drops it
// if the condition does not hold. There are three exceptions:
//
//   - A refusal or an error at Rcpt is returned at once, because it applies to
//     one recipient.
//   - Modifications that a handler requests before the condition is known are
//     made in any case.
//   - The verdict of a handler under [DryRun] is logged at once.
//
// If When wraps handlers in the router, but none at which the condition can be known,
// [framework.Router.Plan] returns an error, [ErrNeverKnown].
//
// When calls the handlers of Abort for a message if it has called another handler
// for it, and always calls those of Close.
//
// [ApplyWhen] selects the middleware around a handler by a condition, instead of
// the handler. When adds to the plan what its condition adds.
func When(c Condition) framework.Middleware {
	d := newDecider(c)
	sessions := framework.OncePerFilter(framework.PerConnection[heldVerdict])
	known := min(c.from.yes, c.from.no)
	needed := needsEffect(fmt.Errorf("%w: it wraps none from %v to %v", ErrNeverKnown, known, framework.StageEndOfMessage))
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if d == nil {
			rt.Errorf("%w", c.check())
			return next
		}
		needed.watch(rt, isFrom(known, rt.Stage()))
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

// ApplyWhen applies middleware to messages for which the condition holds. For
// other messages, and until the condition is known, it calls the handlers
// without the middleware:
//
//	r.Use(middleware.ApplyWhen(middleware.Authenticated(), middleware.RateLimit(perUser)))
//
// The middleware therefore wraps no handler of a stage before the first at which the
// condition can hold. If ApplyWhen wraps no handler from that stage to EndOfMessage in the
// router, [framework.Router.Plan] returns an error.
//
// It adds to the plan what the condition and the middleware add. Settings that a
// middleware makes when the plan is made apply to all messages. It is therefore a
// mistake to pass [DryRun] or [Timeout], and the log lines and metrics that
// [Logger] and others write at the end of a message cover every message.
func ApplyWhen(c Condition, mws ...framework.Middleware) framework.Middleware {
	d := newDecider(c)
	needed := needsEffect(fmt.Errorf("wraps no handler from %v to %v, at which its condition can hold", c.from.yes, framework.StageEndOfMessage))
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if d == nil {
			rt.Errorf("%w", c.check())
			return next
		}
		inner := next
		if holds := needed.watch(rt, isFrom(c.from.yes, rt.Stage())); holds || rt.Stage() > framework.StageEndOfMessage {
			inner = around(rt, next, mws)
		}
		if inner == nil {
			return nil // the router reports which middleware returned nil
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

// isFrom reports whether a stage is one from first to the end of the message.
func isFrom(first, stage framework.Stage) bool {
	return stage >= first && stage <= framework.StageEndOfMessage
}

// around wraps a handler with middleware that applies to some of the messages.
func around(rt *framework.Route, next framework.Handler, mws []framework.Middleware) framework.Handler {
	dryRun, event, message := fixedSettings(rt)
	for _, mw := range slices.Backward(mws) {
		if next = mw(rt, next); next == nil {
			return nil
		}
	}
	if d, e, m := fixedSettings(rt); d != dryRun || e != event || m != message {
		rt.Errorf("DryRun and Timeout apply to all messages and cannot depend on a condition")
	}
	return next
}

// fixedSettings returns the settings of a route that apply to all messages.
func fixedSettings(rt *framework.Route) (dryRun bool, event, message time.Duration) {
	event, message = rt.Limits()
	return rt.InDryRun(), event, message
}

// heldVerdict is the result of a handler from before the condition was known.
type heldVerdict struct {
	held    bool
	verdict framework.Verdict
	err     error
}

// guard is a When on one route.
type guard struct {
	route   routeDecider
	session framework.Slot[heldVerdict]
	next    framework.Handler

	rejected bool // the handler is called for recipients that the MTA has refused
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
		return g.release(s, st, ev.Stage(), held)
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

// release returns a held verdict. It returns Continue instead in a dry run, and
// for a recipient that the MTA has refused. At Rcpt the verdict remains held,
// because it may apply to the recipients that follow, too.
func (g *guard) release(s *framework.Session, st *decision, stage framework.Stage, held *heldVerdict) (framework.Verdict, error) {
	if g.rejected || s.InDryRun() {
		return framework.Continue, nil
	}
	if stage != framework.StageRcpt {
		st.early.held = false
	}
	return held.verdict, held.err
}

// held returns the held verdict of the session or of the message, or nil.
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

// hold keeps a verdict until the condition is known. In a dry run it returns
// the verdict at once, so that it is logged. It drops SkipBody, which would
// come too late.
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

// unknown handles commands that the MTA does not know. They may come at any time.
func (g *guard) unknown(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
	if g.route.slot.Get(s).truth == no {
		return framework.Continue, nil
	}
	return g.next(s, ev)
}
