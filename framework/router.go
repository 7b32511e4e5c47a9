package framework

import (
	"errors"
	"fmt"
	"slices"
)

// Router is where a program registers handlers, grants, macros and slots. The MTA is
// asked for what they need and for nothing else: see [Router.Plan].
//
// One goroutine sets a Router up before it serves. Mistakes are collected until Plan,
// which returns them all at once, each with its file and line. A call that registers
// something after Plan panics.
type Router struct {
	handlers // On… and Observe…
	grants   // Grant…
	wants    // Want…
	*scope
}

// The parts of a Router are types of their own, so that none has too many methods.
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

// NewRouter returns an empty router. The options are those of [Router.Mount] and hold
// for the handlers that are registered on this router itself, which are the first
// filter, named "main".
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

// Use adds middleware around the handlers that this router and what is mounted on it
// register later, outermost first. Call it before the first handler, and before With,
// Group and Mount, which copy the middleware that is there.
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

// Group calls fn with a router as [Router.With] returns it, so that a Use in fn holds
// for what fn registers only.
func (r *Router) Group(fn func(r *Router)) {
	r.reg.mustBeOpen()
	if fn == nil {
		r.mistake("Group without a function")
		return
	}
	fn(r.With())
}

// with returns the middleware of the scope and more.
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

// mistake reports a mistake of the caller of the package.
func (in *scope) mistake(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	in.reg.report(&RegistrationError{
		Where: caller(), Filter: in.lane.name, Reason: err.Error(), Err: errors.Unwrap(err),
	})
}
