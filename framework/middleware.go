package framework

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Middleware wraps a handler: it returns one that runs before it, after it, or instead
// of it. It is called once for every route when the plan is made, never while mail
// flows. The route tells where next stands and gives what the middleware needs there.
// next is never nil, and the result must not be nil either.
//
// Middleware opens no stage: it costs the MTA nothing but what it asks of the route.
type Middleware func(rt *Route, next Handler) Handler

// Route is the place of a handler, as middleware sees it while the plan is made. It
// must not be retained.
type Route struct {
	scope   *scope
	spec    *routeSpec
	layer   layer // the middleware that wraps the handler at the moment
	answers bool
	dryRun  bool
	limits  routeLimits
}

// routeLimits bound the time of handlers; zero means no bound.
type routeLimits struct{ event, message time.Duration }

// Stage returns the stage of the handler.
func (rt *Route) Stage() Stage { return rt.spec.stage }

// Filter returns the name of the filter that the handler belongs to.
func (rt *Route) Filter() string { return rt.scope.lane.name }

// Rejected reports whether the handler was registered with
// [Router.ObserveRejectedRcpt]: its stage is Rcpt, but it sees the recipients that the
// MTA has refused.
func (rt *Route) Rejected() bool { return rt.spec.rejected }

// Answers reports whether the MTA waits for the handler's verdict. A verdict given
// where it does not wait is kept for the next stage at which it does.
func (rt *Route) Answers() bool { return rt.answers }

// Answer makes the MTA wait for the handler's verdict, though it was registered with
// Observe…. At Abort and Close, and for refused recipients, it has no effect: the
// protocol has no answer there.
func (rt *Route) Answer() {
	if rt.spec.stage <= StageEndOfMessage && !rt.spec.rejected || rt.spec.stage == StageUnknown {
		rt.answers = true
	}
}

// DryRun has the verdicts, errors and modifications of the handler logged and not
// applied.
func (rt *Route) DryRun() { rt.dryRun = true }

// InDryRun reports whether DryRun was called so far; middleware further out may still
// call it. See [Session.InDryRun].
func (rt *Route) InDryRun() bool { return rt.dryRun }

// Limit bounds the time that the filter's handlers may take for one event of this
// stage, below the limit of the server's configuration. Handlers that exceed it are
// treated alike: their context ends, and if they go on nevertheless, the policy verdict
// is given on their behalf.
func (rt *Route) Limit(d time.Duration) { shorten(&rt.limits.event, d) }

// LimitMessage bounds the time from the begin of the message to the return of the
// filter's handlers, at any stage. It includes the time in which the MTA waits for its
// client.
func (rt *Route) LimitMessage(d time.Duration) { shorten(&rt.limits.message, d) }

// Limits returns what [Route.Limit] and [Route.LimitMessage] have set so far, or zero.
func (rt *Route) Limits() (event, message time.Duration) {
	return rt.limits.event, rt.limits.message
}

// AfterMessage calls fn after each message, once its last handlers have run: those of
// its end, or of its abort. If a handler hung and the framework replied on its behalf,
// fn is called when that handler has returned. The message's macros, slots and context
// are still there; the MessageResult is valid during the call.
//
// fn opens no stage, because the framework sees the end of every message. It is called
// as often as it was passed here: a middleware that wraps several handlers passes it
// once, with [OncePerRouter] or [OncePerFilter].
func (rt *Route) AfterMessage(fn func(*Session, *MessageResult)) {
	if fn == nil {
		rt.Errorf("AfterMessage without a function")
		return
	}
	reg := rt.scope.reg
	reg.mustBeOpen()
	reg.endHooks = append(reg.endHooks, fn)
}

// Errorf reports that the configuration of the middleware is wrong, or that the
// middleware cannot be used here. [Router.Plan] returns the error with the file and
// line of the Use, With or Group that brought the middleware: once, however many
// handlers it wraps.
func (rt *Route) Errorf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	by := rt.asker()
	rt.scope.reg.report(&RegistrationError{
		Where: by.where, Filter: by.filter, Reason: by.method + ": " + err.Error(), Err: errors.Unwrap(err),
	})
}

// asker names the middleware for the plan and for errors.
func (rt *Route) asker() asker {
	return asker{method: middlewareName(rt.layer.mw), where: rt.layer.where, filter: rt.layer.filter}
}

// wrap calls the middleware of the route, the innermost first: an outer one may still
// make the route answer.
func (rt *Route) wrap() Handler {
	next := rt.spec.handler
	for _, rt.layer = range slices.Backward(rt.spec.layers) {
		outer := rt.layer.mw(rt, next)
		if outer == nil {
			rt.Errorf("returned no handler for %s", rt.spec.method)
			return next
		}
		next = outer
	}
	return next
}

// OncePerRouter returns a function that returns the same T for all routes of a router;
// fn makes it at the first of them. It is for middleware that needs something once for
// each router, however many filters it wraps:
//
//	func Count(c *Counters) framework.Middleware {
//		of := framework.OncePerRouter(func(rt *framework.Route) *counter { return c.add() })
//		return func(rt *framework.Route, next framework.Handler) framework.Handler {
//			counter := of(rt)
//			…
//
// The function retains what fn made, and the router. It is safe for concurrent use.
func OncePerRouter[T any](fn func(rt *Route) T) func(rt *Route) T {
	return once(func(rt *Route) any { return rt.scope.reg }, fn)
}

// OncePerFilter is like [OncePerRouter], once for each filter that is mounted and for
// the router's own handlers.
func OncePerFilter[T any](fn func(rt *Route) T) func(rt *Route) T {
	return once(func(rt *Route) any { return rt.scope.lane }, fn)
}

func once[T any](owner func(rt *Route) any, fn func(rt *Route) T) func(rt *Route) T {
	var mu sync.Mutex
	made := make(map[any]T)
	return func(rt *Route) T {
		mu.Lock()
		defer mu.Unlock()
		key := owner(rt)
		one, ok := made[key]
		if !ok {
			one = fn(rt)
			made[key] = one
		}
		return one
	}
}
