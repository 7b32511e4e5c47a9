package framework

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Handler is a handler of any stage: what middleware wraps.
type Handler func(*Session, Event) (Verdict, error)

// Middleware wraps a handler: to run before it, after it, or in its place. It
// is called once for every route when the plan is made, never while mail
// flows. The route tells where next stands, and takes what the middleware
// needs there; next is never nil, and neither may be what is returned.
//
// Middleware adds no stage: it costs the MTA nothing but what it asks of the
// route.
type Middleware func(rt *Route, next Handler) Handler

// Route is the place of a handler, as middleware sees it while the plan is
// made. It must not be kept.
type Route struct {
	router  *Router
	spec    *routeSpec
	layer   layer // the middleware that wraps the handler at the moment
	answers bool
	trial   bool
	limit   time.Duration
	whole   time.Duration
}

// Stage returns the stage of the handler.
func (rt *Route) Stage() Stage { return rt.spec.stage }

// Filter returns the name of the lane that the handler belongs to.
func (rt *Route) Filter() string { return rt.router.lane.name }

// Rejected reports whether the handler is one of [Router.ObserveRejectedRcpt]: at
// the stage Rcpt, but for recipients that the MTA has refused.
func (rt *Route) Rejected() bool { return rt.spec.rejected }

// Answers reports whether the MTA waits for the handler's verdict. A verdict
// given where it does not wait is kept for the next stage that does.
func (rt *Route) Answers() bool { return rt.answers }

// Answer makes the MTA wait for the handler's verdict, though it was
// registered with Observe…. Abort, Close and refused recipients have none to
// wait for.
func (rt *Route) Answer() {
	if rt.spec.stage <= StageEndOfMessage && !rt.spec.rejected || rt.spec.stage == StageUnknown {
		rt.answers = true
	}
}

// DryRun puts the handler on trial: its verdicts, errors and modifications are
// logged, and nothing comes of them.
func (rt *Route) DryRun() { rt.trial = true }

// InDryRun reports whether the handler is on trial so far: middleware further out
// may still put it there. See [Session.InDryRun].
func (rt *Route) InDryRun() bool { return rt.trial }

// InDryRun reports whether the handler that runs is on trial by [Route.DryRun], so
// that nothing comes of what it returns. It is for middleware that keeps a verdict
// to give it elsewhere.
func (s *Session) InDryRun() bool { return s.link.trial.Load() }

// WantMacro asks for a macro, as [Router.WantMacro] does.
func (rt *Route) WantMacro(stage Stage, name string) Macro {
	m, err := rt.router.wantMacro(stage, name, rt.asker())
	if err != nil {
		rt.Errorf("%w", err)
	}
	return m
}

// Errorf reports that the configuration of the middleware is wrong, or that it
// cannot stand where it does. [Router.Plan] returns the error, with the file and
// line of the Use, With or Group that brought the middleware: once, however many
// handlers it wraps.
func (rt *Route) Errorf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	by := rt.asker()
	rt.router.reg.report(&RegistrationError{
		Where: by.where, Filter: by.filter, Reason: by.method + ": " + err.Error(), Err: errors.Unwrap(err),
	})
}

// asker names the middleware as the one who asks, for the plan and for errors.
func (rt *Route) asker() asker {
	return asker{method: called(rt.layer.mw), where: rt.layer.where, filter: rt.layer.filter}
}

// OncePerRouter returns a function that gives all routes of a router the same T,
// which fn makes at the first of them. It is for middleware that has something of
// its own for each router, however many filters it stands around:
//
//	func Count(c *Counters) framework.Middleware {
//		of := framework.OncePerRouter(func(rt *framework.Route) *counter { return c.add() })
//		return func(rt *framework.Route, next framework.Handler) framework.Handler {
//			counter := of(rt)
//			…
//
// The function keeps what was made, and the router, for as long as it lives.
func OncePerRouter[T any](fn func(rt *Route) T) func(rt *Route) T { return once(treeOf, fn) }

// OncePerFilter is [OncePerRouter] for each filter that is mounted, and for the
// router's own handlers.
func OncePerFilter[T any](fn func(rt *Route) T) func(rt *Route) T { return once(laneOf, fn) }

// laneOf and treeOf are who has something of its own.
func laneOf(rt *Route) any { return rt.router.lane }
func treeOf(rt *Route) any { return rt.router.reg }

func once[T any](owner func(rt *Route) any, fn func(rt *Route) T) func(rt *Route) T {
	var mu sync.Mutex
	made := make(map[any]T)
	return func(rt *Route) T {
		mu.Lock()
		defer mu.Unlock()
		one, ok := made[owner(rt)]
		if !ok {
			one = fn(rt)
			made[owner(rt)] = one
		}
		return one
	}
}
