package framework

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Middleware wraps a handler: it returns a handler that runs before, after or instead
// of next. It is called once for every route when the plan is made, and never while
// mail flows. The route describes where next is registered, and the middleware
// requests from it what it needs. next is never nil, and the result must not be nil
// either.
//
// Middleware adds no stage to the plan. It costs the MTA only what it requests from
// the route.
type Middleware func(rt *Route, next Handler) Handler

// Route is the place of a handler, as middleware sees it while the plan is made. It
// must not be retained: a method that asks for something panics once the plan was made.
type Route struct {
	scope   *scope
	spec    *routeSpec
	layer   layer // the middleware that wraps the handler at the moment
	answers bool
	dryRun  bool
	limits  routeLimits
}

// routeLimits are the time limits of handlers. Zero means no limit.
type routeLimits struct{ event, message time.Duration }

// Stage returns the stage of the handler.
func (rt *Route) Stage() Stage { return rt.spec.stage }

// Filter returns the name of the filter that the handler belongs to.
func (rt *Route) Filter() string { return rt.scope.lane.name }

// Rejected reports whether the handler was registered with
// [Router.ObserveRejectedRcpt]: its stage is Rcpt, but it sees the recipients that the
// MTA has refused.
func (rt *Route) Rejected() bool { return rt.spec.rejected }

// Answers reports whether the MTA waits for the handler's verdict. If the MTA does
// not wait, a verdict is kept and given at the next stage that answers.
func (rt *Route) Answers() bool { return rt.answers }

// Answer makes the MTA wait for the handler's verdict, even if the handler was
// registered with Observe…. At Abort and Close, and for refused recipients, it has
// no effect: the protocol has no answer there.
func (rt *Route) Answer() {
	rt.scope.reg.mustBeOpen()
	if rt.spec.stage <= StageEndOfMessage && !rt.spec.rejected || rt.spec.stage == StageUnknown {
		rt.answers = true
	}
}

// DryRun makes the framework log the handler's verdicts, errors and modifications
// instead of applying them.
func (rt *Route) DryRun() {
	rt.scope.reg.mustBeOpen()
	rt.dryRun = true
}

// InDryRun reports whether DryRun has been called so far. Outer middleware may still
// call it. See [Session.InDryRun].
func (rt *Route) InDryRun() bool { return rt.dryRun }

// Limit limits the time that the filter's handlers may take for one event of this
// stage. It has no effect if it is longer than the limit of the server's configuration.
// If the handlers exceed it, their context ends. If they do not return then, the
// framework gives the policy verdict on their behalf.
func (rt *Route) Limit(d time.Duration) {
	rt.scope.reg.mustBeOpen()
	shorten(&rt.limits.event, d)
}

// LimitMessage limits the time from the start of the message to the return of the
// filter's handlers, at any stage. It includes the time in which the MTA waits for its
// client.
func (rt *Route) LimitMessage(d time.Duration) {
	rt.scope.reg.mustBeOpen()
	shorten(&rt.limits.message, d)
}

// Limits returns what [Route.Limit] and [Route.LimitMessage] have set so far, or zero.
func (rt *Route) Limits() (event, message time.Duration) {
	return rt.limits.event, rt.limits.message
}

// AfterMessage makes the framework call fn after each message, when the handlers of
// its end or of its abort have returned. If a handler hung and the framework replied
// on its behalf, fn is called when that handler has returned. The message's macros,
// slots and context are still available. The MessageResult is valid only during the
// call. fn has the time limit of a handler, Config.HandlerTimeout; if it hangs, the
// connection is closed at the next command.
//
// fn adds no stage to the plan, because the framework sees the end of every message
// anyway. Each call of AfterMessage adds one call of fn for each message. A middleware
// that wraps several handlers should therefore call AfterMessage once, with
// [OncePerRouter] or [OncePerFilter].
func (rt *Route) AfterMessage(fn func(*Session, *MessageResult)) {
	if fn == nil {
		rt.Errorf("AfterMessage without a function")
		return
	}
	reg := rt.scope.reg
	reg.mustBeOpen()
	reg.endHooks = append(reg.endHooks, fn)
}

// WantFilterResult records what a filter of the router decides itself about each message, and
// what it asks to modify, so that [MessageResult.FilterResult] returns it. The filter may be
// any of the router. If there is none of this name when all are mounted, [Router.Plan] returns
// an error. Without WantFilterResult, the modifications are forgotten when the next filter
// gets the message.
func (rt *Route) WantFilterResult(filter string) {
	reg := rt.scope.reg
	reg.mustBeOpen()
	reg.results = append(reg.results, resultWant{filter, rt.asker()})
}

// AroundAsync makes the framework call fn around every function that a filter of the
// router starts with [AsyncValue.Start], in the function's goroutine, so that a middleware
// can measure it. fn calls run, which calls the function with the context that run is
// given, and returns run's error. If the function panics, the error is a [*PanicError].
// filter and where are the filter that called [Async] or [AsyncPerConnection], and the
// file and line of the call. fn must be safe for concurrent use. The context has the
// values of the handler that started the function.
//
// Each call adds one call of fn for each function. A middleware that wraps several handlers
// should therefore call AroundAsync once: see [Route.AfterMessage].
func (rt *Route) AroundAsync(fn func(ctx context.Context, filter, where string, run func(context.Context) error) error) {
	if fn == nil {
		rt.Errorf("AroundAsync without a function")
		return
	}
	reg := rt.scope.reg
	reg.mustBeOpen()
	reg.around = append(reg.around, fn)
}

// FailureCounter returns a function that counts a failure in [Stats.HandlerErrors] and
// [Stats.FailedOpen]. It is for middleware that lets mail pass if it fails, so that it
// returns no error. The middleware itself logs the failure. The function may be called
// whenever a handler runs.
func (*Route) FailureCounter() func(*Session) {
	return func(s *Session) { s.shared.counters.failed(true) }
}

// Errorf reports that the configuration of the middleware is wrong, or that the
// middleware cannot be used here. [Router.Plan] returns the error with the file and
// line of the Use, With or Group that added the middleware. It returns the same
// error only once, however many handlers the middleware wraps.
func (rt *Route) Errorf(format string, args ...any) {
	rt.scope.reg.mustBeOpen()
	err := fmt.Errorf(format, args...)
	rt.scope.reg.reportBy(rt.asker(), err, errors.Unwrap(err))
}

// AfterWrapping makes [Router.Plan] call check once all handlers of the router are wrapped.
// It is for middleware that has no effect without a handler of some stage: while it wraps
// one handler, it does not know the others. If check returns an error, Plan returns it with
// the file and line of the Use, With or Group that added the middleware. check must not
// register anything.
//
// Each call adds one call of check. A middleware that wraps several handlers should therefore
// call AfterWrapping once: see [Route.AfterMessage].
func (rt *Route) AfterWrapping(check func() error) {
	if check == nil {
		rt.Errorf("AfterWrapping without a function")
		return
	}
	reg := rt.scope.reg
	reg.mustBeOpen()
	reg.checks = append(reg.checks, wrapCheck{check, rt.asker()})
}

// wrapCheck is a check of a middleware that runs when all handlers are wrapped.
type wrapCheck struct {
	check func() error
	by    asker
}

// checkWrapping calls the functions that were given to [Route.AfterWrapping]. It leaves out
// the errors of a middleware if AsFilter has reported that the middleware does nothing.
func (g *registry) checkWrapping() {
	for _, c := range g.checks {
		idle := asker{asFilter, c.by.where, c.by.filter}
		if err := c.check(); err != nil && !slices.Contains(g.blamed, idle) {
			g.reportBy(c.by, err, err)
		}
	}
}

// reportBy reports a mistake of a middleware.
func (g *registry) reportBy(by asker, err, cause error) {
	g.blamed = append(g.blamed, by)
	g.report(&RegistrationError{Where: by.where, Filter: by.filter, Reason: by.method + ": " + err.Error(), Err: cause})
}

// asFilter identifies AsFilter in mistakes.
const asFilter = "AsFilter"

// asker identifies the middleware in the plan and in errors.
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

// OncePerRouter returns a function that returns the same T for all routes of a router.
// The function calls fn at the first route to create the T. It is for middleware that
// needs something once for each router, however many filters it wraps:
//
//	func Count(c *Counters) framework.Middleware {
//		of := framework.OncePerRouter(func(rt *framework.Route) *counter { return c.add() })
//		return func(rt *framework.Route, next framework.Handler) framework.Handler {
//			counter := of(rt)
//			…
//
// The function retains the router and the result of fn. It is safe for concurrent
// use.
func OncePerRouter[T any](fn func(rt *Route) T) func(rt *Route) T {
	return once(func(rt *Route) any { return rt.scope.reg }, fn)
}

// OncePerFilter is like [OncePerRouter], but its function returns a separate T for
// each mounted filter and for the router's own handlers.
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
