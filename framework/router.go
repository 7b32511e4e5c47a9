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
	return newRouter(in)
}

// addLane begins a lane.
func (in *scope) addLane(name string, opts []LaneOption) {
	in.lane = &laneSpec{name: name, where: caller(), index: len(in.reg.lanes), policy: policy{failure: failureVerdict()}}
	in.reg.lanes = append(in.reg.lanes, in.lane)
	for _, opt := range opts {
		if opt == nil {
			in.mistake("a nil option")
			continue
		}
		opt(&in.lane.policy)
	}
	if v := in.lane.policy.failure; !v.Refuses() {
		in.mistake("FailWith with the verdict %v, which refuses nothing", v)
	}
}

// Use adds middleware, outermost first, around the handlers that are registered later
// on this router and by filters mounted on it. Call Use before registering the first
// handler, and before With, Group and Mount, which copy the current middleware.
func (r *Router) Use(mws ...Middleware) {
	r.reg.mustBeOpen()
	if r.used {
		r.mistake("Use after a handler was registered, a filter mounted, or With or Group called: it would not hold for them")
	}
	r.layers = r.with(mws)
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
