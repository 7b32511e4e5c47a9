package framework

import (
	"slices"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// registry holds the registrations on a router and on the routers that With,
// Group and Mount derived from it.
type registry struct {
	lanes    []*laneSpec
	slots    []slotSpec
	endHooks []func(*Session, *MessageResult)
	around   []asyncHook
	results  []resultWant
	checks   []wrapCheck
	used     []layer // by mounted filters
	mistakes []*RegistrationError
	blamed   []asker // the middleware, and AsFilter, that have reported mistakes
	plan     *Plan
	err      error // of making the plan
}

// resultWant is a middleware's wish to know what a filter did to each message.
type resultWant struct {
	filter string
	by     asker
}

// laneSpec is a lane as it was registered: a mounted filter, or the handlers of the
// root router.
type laneSpec struct {
	name   string
	where  string // it was mounted
	index  int
	policy policy
	routes []*routeSpec
	grants []grantSpec
	macros []macroSpec
	wants  []wantSpec
}

// asker identifies the origin of a request: the method, the file and line of the call,
// and the filter. For middleware, the last two are those of the call of Use, With or
// Group that added it.
type asker struct{ method, where, filter string }

// routeSpec is a handler as it was registered, with its middleware, outermost first.
type routeSpec struct {
	stage    Stage
	rejected bool
	before   bool // it runs before the handlers of the end of the message
	answers  bool
	method   string
	where    string
	handler  Handler
	layers   []layer
}

// layer is a middleware around routes.
type layer struct {
	mw     Middleware
	where  string // Use, With or Group was called
	filter string // on whose router it was called
}

// grantSpec is a right to modify mail that a lane asked for.
type grantSpec struct {
	action   wire.Actions
	keeps    parts // of the message, so that the grant can be used
	optional bool
	method   string
	where    string
}

// opens reports whether what is kept for the grant needs the stage.
func (g *grantSpec) opens(stage Stage) bool {
	return g.keeps&theHeader != 0 && stage == StageHeader ||
		g.keeps&theEnvelope != 0 && (stage == StageMail || stage == StageRcpt)
}

// macroSpec is a macro that a lane asked for.
type macroSpec struct {
	list  wire.MacroStage
	stage Stage
	name  string
	by    asker
}

// wantSpec is something that a lane wants the framework to keep for it.
type wantSpec struct {
	kind wantKind
	by   asker
	// ofMiddleware says that a middleware asked, which may wrap handlers of stages at
	// which there is nothing to read yet.
	ofMiddleware bool
}

type wantKind uint8

const (
	wantClient wantKind = iota
	wantHelo
	wantEnvelope
	wantHeaders
	wantRawHeaders
	wantBody
	wantMessage
)

// readableFrom returns the first stage at which the kept data is there. It returns false if
// every handler may read the data, and if there is no handle to read it with.
func (k wantKind) readableFrom() (Stage, bool) {
	switch k {
	case wantHelo:
		return StageHelo, true
	case wantEnvelope:
		return StageMail, true
	case wantHeaders:
		return StageHeader, true
	case wantBody, wantMessage:
		return StageEndOfMessage, true
	case wantClient, wantRawHeaders:
	}
	return 0, false
}

// readable reports whether what is kept can be read at a stage. At Abort it is what came
// before the message was given up.
func (k wantKind) readable(stage Stage) bool {
	from, limited := k.readableFrom()
	switch {
	case !limited:
		return true
	case stage == StageAbort:
		return from != StageEndOfMessage
	case stage.ofMessage():
		return stage >= from
	}
	// A client may send an unknown command after HELO, or within a message.
	return k == wantHelo && stage != StageConnect || from != StageEndOfMessage && stage == StageUnknown
}

// opens reports whether the wanted data needs the stage.
func (w *wantSpec) opens(stage Stage) bool {
	switch w.kind {
	case wantEnvelope:
		return stage == StageMail || stage == StageRcpt
	case wantHeaders:
		return stage == StageHeader
	case wantBody:
		return stage == StageBody
	case wantMessage:
		return stage == StageHeader || stage == StageBody
	case wantClient:
		return stage == StageConnect
	case wantHelo:
		return stage == StageHelo
	case wantRawHeaders:
	}
	return false
}

// slotSpec is a slot as it was registered.
type slotSpec struct {
	perMessage bool
	make       func() slotValue
}

// slotValue is a slot's state in one session.
type slotValue interface{ reset() }

// mustBeOpen panics if the plan exists already.
func (g *registry) mustBeOpen() {
	if g.plan != nil || g.err != nil {
		panic("framework: " + caller() + ": the router's plan was made; nothing can be registered any more")
	}
}

// report records a mistake for Plan, unless the same mistake is recorded
// already.
func (g *registry) report(mistake *RegistrationError) {
	same := func(m *RegistrationError) bool {
		return m.Where == mistake.Where && m.Filter == mistake.Filter && m.Reason == mistake.Reason
	}
	if !slices.ContainsFunc(g.mistakes, same) {
		g.mistakes = append(g.mistakes, mistake)
	}
}

// empty reports whether nothing was registered on the lane.
func (l *laneSpec) empty() bool {
	return len(l.routes)+len(l.grants)+len(l.macros)+len(l.wants) == 0
}

// want reports whether the lane wants something kept.
func (l *laneSpec) want(kind wantKind) bool {
	return lo.ContainsBy(l.wants, func(w wantSpec) bool { return w.kind == kind })
}

// keeps returns the parts of a message that are kept for the lane's grants.
func (l *laneSpec) keeps() (n parts) {
	for _, g := range l.grants {
		n |= g.keeps
	}
	return n
}

// handles reports whether the lane has a handler of the stage.
func (l *laneSpec) handles(stage Stage) bool {
	return lo.ContainsBy(l.routes, func(r *routeSpec) bool { return r.stage == stage && !r.rejected })
}

// actions returns the actions that the lane's grants need.
func (l *laneSpec) actions() (a wire.Actions) {
	for _, g := range l.grants {
		a |= g.action
	}
	return a
}

// requires returns the actions without which the lane cannot work.
func (l *laneSpec) requires() (a wire.Actions) {
	for _, g := range l.grants {
		if !g.optional {
			a |= g.action
		}
	}
	return a
}
