package framework

import (
	"errors"
	"fmt"
	"slices"
)

// Router is where handlers, grants, macros and state are registered. What was
// registered is all that the MTA will be asked for: see [Router.Plan].
//
// A Router is set up by one goroutine, before it serves. Mistakes are kept
// until Plan, which reports them all at once, each with its file and line. A
// router whose plan was made panics when something more is registered.
type Router struct {
	reg  *registry
	lane *laneSpec
	mws  []layer
	used bool
}

// registry is what all routers of one tree share.
type registry struct {
	lanes    []*laneSpec
	slots    []slotSpec
	endHooks []func(*Session, *MessageResult)
	helo     bool // the client's HELO is kept
	mistakes []*RegistrationError
	plan     *Plan
	err      error
}

// laneSpec is a lane as it was registered.
type laneSpec struct {
	name   string
	where  string // it was mounted
	index  int
	policy policy
	routes []*routeSpec
	grants []grantSpec
	macros []macroSpec
	kept   []wantSpec
}

// routeSpec is a handler as it was registered, with its middleware, outermost
// first.
type routeSpec struct {
	stage    Stage
	rejected bool
	answers  bool
	method   string
	where    string
	handler  Handler
	mws      []layer
}

type layer struct {
	mw     Middleware
	where  string // Use, With or Group was called
	filter string // whose router it was called on
}

// NewRouter returns an empty router. The options are those of [Router.Mount]
// and hold for the handlers registered on this router itself, which are the
// first lane.
func NewRouter(opts ...LaneOption) *Router {
	r := &Router{reg: &registry{}}
	r.addLane("main", opts)
	return r
}

// addLane gives the router a lane of its own.
func (r *Router) addLane(name string, opts []LaneOption) {
	r.lane = &laneSpec{name: name, where: caller(), index: len(r.reg.lanes), policy: defaultPolicy()}
	r.reg.lanes = append(r.reg.lanes, r.lane)
	for _, opt := range opts {
		if opt == nil {
			r.mistake("a nil option")
			continue
		}
		opt(&r.lane.policy)
	}
	if v := r.lane.policy.failure; !v.Refuses() {
		r.mistake("FailWith with the verdict %v, which refuses nothing", v)
	}
}

// Use adds middleware around every handler that this router and what is
// mounted on it register later. Call it before the first of them, and before
// With and Group, which take the middleware that is there.
func (r *Router) Use(mws ...Middleware) {
	r.reg.mustBeOpen()
	if r.used {
		r.mistake("Use after a handler was registered, a filter mounted, or With or Group called: it would not hold for them")
	}
	r.mws = append(slices.Clip(r.mws), r.layers(mws)...)
}

// With returns a router that registers into the same lane, with more
// middleware around what it registers.
func (r *Router) With(mws ...Middleware) *Router {
	r.reg.mustBeOpen()
	r.used = true
	return &Router{reg: r.reg, lane: r.lane, mws: append(slices.Clip(r.mws), r.layers(mws)...)}
}

// Group calls fn with a router of its own, as [Router.With] returns, so that
// Use inside fn ends with it.
func (r *Router) Group(fn func(r *Router)) {
	r.reg.mustBeOpen()
	if fn == nil {
		r.mistake("Group without a function")
		return
	}
	fn(r.With())
}

func (r *Router) layers(mws []Middleware) []layer {
	var layers []layer
	for _, mw := range mws {
		if mw == nil {
			r.mistake("a nil middleware")
			continue
		}
		layers = append(layers, layer{mw, caller(), r.lane.name})
	}
	return layers
}

// mustBeOpen panics if the plan exists already.
func (g *registry) mustBeOpen() {
	if g.plan != nil || g.err != nil {
		panic("framework: " + caller() + ": the router's plan was made; nothing can be registered any more")
	}
}

// RegistrationError is one mistake in what was registered on a router.
type RegistrationError struct {
	// Where is the file and line of the call.
	Where string
	// Filter is the lane's name.
	Filter string
	// Reason says what is wrong.
	Reason string
	// Err is the cause, where a filter's Register returned it.
	Err error
}

// Error implements error.
func (e *RegistrationError) Error() string {
	return fmt.Sprintf("framework: %s: filter %q: %s", e.Where, e.Filter, e.Reason)
}

// Unwrap returns the cause, or nil.
func (e *RegistrationError) Unwrap() error { return e.Err }

func (r *Router) mistake(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	r.reg.report(&RegistrationError{
		Where: caller(), Filter: r.lane.name, Reason: err.Error(), Err: errors.Unwrap(err),
	})
}

// report keeps a mistake for Plan, unless it is known already.
func (g *registry) report(mistake *RegistrationError) {
	same := func(m *RegistrationError) bool {
		return m.Where == mistake.Where && m.Filter == mistake.Filter && m.Reason == mistake.Reason
	}
	if !slices.ContainsFunc(g.mistakes, same) {
		g.mistakes = append(g.mistakes, mistake)
	}
}

// asker is who asked for something: the method, the file and line of the call, and
// the filter. For middleware the latter two are those of the Use that brought it.
type asker struct{ method, where, filter string }
