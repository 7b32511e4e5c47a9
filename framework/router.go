package framework

import (
	"errors"
	"fmt"
	"slices"
)

// Router registers handlers, grants, macros and slots. The framework asks the MTA
// only for what they need: see [Router.Plan].
//
// A Router must be set up by one goroutine, before it is served. Mistakes are
// collected. Plan returns them together, each with its file and line. A call that
// registers something after Plan panics.
type Router struct {
	handlers // On… and Observe…
	grants   // Grant…
	wants    // Want…
	*scope
}

// The parts of a Router are separate types, so that no type has too many methods.
type (
	handlers struct{ in *scope }
	grants   struct{ in *scope }
	wants    struct{ in *scope }
)

// scope is where registrations go: a lane, with middleware around its handlers.
type scope struct {
	reg    *registry
	lane   *laneSpec
	layers []layer
	used   bool // it is too late for Use
}

func newRouter(in *scope) *Router { return &Router{handlers{in}, grants{in}, wants{in}, in} }

// NewRouter returns an empty router. It takes the options of [Router.Mount]. They
// apply to the handlers that are registered on this router itself, which form the
// first filter, named "main".
func NewRouter(opts ...LaneOption) *Router {
	in := &scope{reg: &registry{}}
	in.addLane("main", opts)
	if len(in.layers) > 0 {
		in.mistake("NewRouter with the option With: call Router.Use or Router.With")
	}
	return newRouter(in)
}

// LaneOption sets how a filter's failures and verdicts are treated, or which middleware is
// around its handlers.
type LaneOption func(*laneOptions)

// laneOptions is what the options of a lane set.
type laneOptions struct {
	policy

	layers []layer // the middleware of the option With
}

// FailClosed makes a handler's error or panic refuse the message with the reply
// 451 4.3.0, because the next attempt may find the filter mended. It is the default. An
// error that the same message causes each time refuses permanently instead:
//
//   - [ErrTooManyEdits] with 554 5.3.4,
//   - [ErrNoHeader] with 554 5.6.0, unless a filter before was left out of the message: it
//     may add the field at the next attempt,
//   - an error that is permanent as [Permanent] describes with 554 5.6.0,
//   - an error of [Reply] with the reply itself, cleaned as by [message.CleanReply].
//
// At Rcpt, a permanent refusal is about the recipient alone.
func FailClosed() LaneOption {
	return func(o *laneOptions) { o.failOpen, o.failWith, o.failure = false, false, failureVerdict() }
}

// FailWith is like [FailClosed] with another verdict for all errors, which must be one
// that refuses. Full budgets and limits of the server keep their replies, such as
// 452 4.3.1 for [ErrNoMemory]: the handler has not failed then.
func FailWith(v Verdict) LaneOption {
	return func(o *laneOptions) { o.failOpen, o.failWith, o.failure = false, true, v }
}

// FailOpen makes a handler's error or panic end the filter's part in the message, as
// if the filter were not there: what it asked to modify is dropped, and the other
// filters go on.
func FailOpen() LaneOption { return func(o *laneOptions) { o.failOpen = true } }

// FailOpen is the option [FailOpen], asked for by the filter itself, whatever it is mounted
// with. It is for a filter that only watches, so that its faults must not touch mail.
func (r *Router) FailOpen() {
	r.reg.mustBeOpen()
	r.lane.policy.failOpen = true
}

// DryRun logs what a filter decides and would modify, and applies none of it.
func DryRun() LaneOption { return func(o *laneOptions) { o.dryRun = true } }

// With adds middleware around the handlers of one filter, outermost first. It is inside
// the middleware of the router that mounts the filter. It is for lists of filters, such as
// milterfx.Filters, where [Router.With] cannot be called:
//
//	milterfx.Filter(newScanner, framework.FailOpen(), framework.With(middleware.When(cond)))
//
// The plan and errors name the line that calls With.
func With(mws ...Middleware) LaneOption {
	where := caller()
	return func(o *laneOptions) {
		for _, mw := range mws {
			o.layers = append(o.layers, layer{mw: mw, where: where})
		}
	}
}

// addLane begins a lane.
func (in *scope) addLane(name string, opts []LaneOption) {
	in.lane = &laneSpec{name: name, where: caller(), index: len(in.reg.lanes)}
	in.reg.lanes = append(in.reg.lanes, in.lane)
	o := laneOptions{policy: policy{failure: failureVerdict()}}
	for _, opt := range opts {
		if opt == nil {
			in.mistake("a nil option")
			continue
		}
		opt(&o)
	}
	if !o.failure.Refuses() {
		in.mistake("FailWith with the verdict %v, which refuses nothing", o.failure)
	}
	in.lane.policy = o.policy
	in.wrap(o.layers)
}

// wrap adds the middleware of the option With.
func (in *scope) wrap(layers []layer) {
	in.layers = slices.Clip(in.layers)
	for _, l := range layers {
		l.filter = in.lane.name
		if l.mw == nil {
			in.reg.report(&RegistrationError{Where: l.where, Filter: l.filter, Reason: "With: a nil middleware"})
			continue
		}
		in.layers = append(in.layers, l)
	}
}

// Use adds middleware, outermost first, around the handlers that are registered later
// on this router and by filters mounted on it. Call Use before registering the first
// handler, and before With, Group and Mount, which copy the current middleware. It is a
// mistake if a mounted filter calls Use and then registers no handler: the middleware would
// never run. See [AsFilter].
func (r *Router) Use(mws ...Middleware) {
	r.reg.mustBeOpen()
	if r.used {
		r.mistake("Use after a handler was registered, a filter mounted, or With or Group called: it would not hold for them")
	}
	before := len(r.layers)
	r.layers = r.with(mws)
	if r.lane.index > 0 {
		r.reg.used = append(r.reg.used, r.layers[before:]...)
	}
}

// With returns a router that registers into the same filter, with more middleware
// around what it registers.
func (r *Router) With(mws ...Middleware) *Router {
	r.reg.mustBeOpen()
	r.used = true
	return newRouter(&scope{reg: r.reg, lane: r.lane, layers: r.with(mws)})
}

// Group calls fn with a router as [Router.With] returns it, so that Use in fn applies
// only to what fn registers.
func (r *Router) Group(fn func(r *Router)) {
	r.reg.mustBeOpen()
	if fn == nil {
		r.mistake("Group without a function")
		return
	}
	fn(r.With())
}

// with returns the middleware of the scope, followed by the given middleware.
func (in *scope) with(mws []Middleware) []layer {
	layers := slices.Clip(in.layers)
	for _, mw := range mws {
		if mw == nil {
			in.mistake("a nil middleware")
			continue
		}
		layers = append(layers, layer{mw, caller(), in.lane.name})
	}
	return layers
}

// mistake records a mistake in the registrations.
func (in *scope) mistake(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	in.reg.report(&RegistrationError{
		Where: caller(), Filter: in.lane.name, Reason: err.Error(), Err: errors.Unwrap(err),
	})
}
