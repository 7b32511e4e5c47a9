package framework

import (
	"errors"
	"slices"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// Plan is what a router asks an MTA for: the least that what was registered
// needs. It explains itself: see [Plan.Explain].
type Plan struct {
	// Actions holds what the filters must be allowed to modify.
	Actions wire.Actions
	// Optional holds what they would like to be allowed besides.
	Optional wire.Actions
	// Protocol holds the stages and answers that the MTA may leave out, and
	// the behaviours that are wished for.
	Protocol wire.Protocol
	// Macros are the lists of macros that the filters read.
	Macros []wire.MacroList
	// Reasons says for each of the above who caused it.
	Reasons []Reason

	reg      *registry
	lanes    []lanePlan
	live     [numStages][]stageLane
	rejected []stageLane
	record   bool // the header is kept
	envelope bool // sender and recipients are kept
	collect  bool // the body is kept
	client   bool // the client is kept
	timed    bool // a lane bounds the time of a message
}

// lanePlan is a lane ready to run.
type lanePlan struct {
	name     string
	spec     *laneSpec
	policy   policy
	routes   [numStages][]route
	limits   limits
	deferred bool // content is shown right before the end of message
	needs    contents
}

// stageLane is a lane at one stage.
type stageLane struct {
	lane   int
	routes []route
}

type route struct {
	handle  Handler
	answers bool
	trial   bool
}

// Plan freezes the router, checks what was registered, and returns what it
// asks the MTA for. All mistakes come back as one error that joins a
// [*RegistrationError] for each.
func (r *Router) Plan() (*Plan, error) {
	g := r.reg
	if g.plan == nil && g.err == nil {
		g.plan, g.err = g.build()
	}
	return g.plan, g.err
}

func (g *registry) build() (*Plan, error) {
	p := &Plan{reg: g}
	folded := g.fold()
	g.order()
	g.checkNames()
	g.checkBodies()
	if len(g.mistakes) > 0 {
		return nil, errors.Join(lo.Map(g.mistakes, func(m *RegistrationError, _ int) error { return m })...)
	}
	e := explainer{plan: p, lanes: g.lanes, routes: folded}
	e.explain()
	p.compile(g.lanes, folded)
	return p, nil
}

// folded is a route after its middleware was folded around it.
type folded struct {
	*routeSpec
	*Route
	lane   *laneSpec
	handle Handler
}

func (g *registry) fold() []folded {
	var all []folded
	for _, lane := range g.lanes {
		for _, spec := range lane.routes {
			rt := &Route{router: &Router{reg: g, lane: lane}, spec: spec, answers: spec.answers}
			all = append(all, folded{spec, rt, lane, rt.fold()})
		}
	}
	return all
}

// fold calls the middleware from the innermost outwards. An outer one may
// still ask for the answer.
func (rt *Route) fold() Handler {
	next := rt.spec.handler
	for _, l := range slices.Backward(rt.spec.mws) {
		rt.layer = l
		outer := l.mw(rt, next)
		if outer == nil {
			rt.Errorf("returned no handler for %s", rt.spec.method)
			return next
		}
		next = outer
	}
	return next
}

// compile lays the folded routes out by lane and stage.
func (p *Plan) compile(lanes []*laneSpec, routes []folded) {
	p.lanes = make([]lanePlan, len(lanes))
	at := make(map[*laneSpec]int)
	for i, spec := range lanes {
		at[spec] = i
		p.lanes[i].name, p.lanes[i].spec, p.lanes[i].policy = spec.name, spec, spec.policy
	}
	refused := make([][]route, len(lanes))
	for _, f := range routes {
		i, rt := at[f.lane], route{f.handle, f.Route.answers, f.trial}
		p.lanes[i].limits.add(&f)
		if f.rejected {
			refused[i] = append(refused[i], rt)
			continue
		}
		p.lanes[i].routes[f.stage] = append(p.lanes[i].routes[f.stage], rt)
	}
	p.link(lanes)
	for i := range p.lanes {
		p.timed = p.timed || p.lanes[i].limits.whole > 0
	}
	for i, list := range refused {
		if len(list) > 0 {
			p.rejected = append(p.rejected, stageLane{i, list})
		}
	}
}

// link decides which lanes are shown the content later than it comes, and
// lists for every stage the lanes that it is live for.
func (p *Plan) link(specs []*laneSpec) {
	var before wire.Actions
	shown := lo.ContainsBy(p.lanes, func(l lanePlan) bool { return len(l.routes[StageHeader]) > 0 })
	for i := range p.lanes {
		lane := &p.lanes[i]
		lane.deferred = lane.sees(specs[i])&before != 0
		lane.needs = lane.contents(specs[i], before, shown)
		p.collect = p.collect || lane.needs&theBody != 0
		p.record = p.record || lane.needs&theHeader != 0
		if !lane.policy.dryRun {
			before |= specs[i].actions()
		}
	}
	for stage := range numStages {
		for i := range p.lanes {
			lane := &p.lanes[i]
			if len(lane.routes[stage]) > 0 && (!lane.deferred || !stage.ofContent()) {
				p.live[stage] = append(p.live[stage], stageLane{i, lane.routes[stage]})
			}
		}
	}
}

const headerActions = wire.ActionAddHdrs | wire.ActionChgHdrs

// sees returns the actions that change what the lane's handlers look at before
// the end of the message.
func (l *lanePlan) sees(spec *laneSpec) (a wire.Actions) {
	content := len(l.routes[StageEndOfHeaders])+len(l.routes[StageBody]) > 0
	if len(l.routes[StageHeader]) > 0 || content && spec.wants(wantHeaders) {
		a |= headerActions
	}
	if len(l.routes[StageBody]) > 0 {
		a |= wire.ActionChgBody
	}
	return a
}

// needsBook reports whether a lane needs the header to be kept: to look at it,
// to know which field a handle means, or where earlier lanes move fields.
func needsBook(l *laneSpec, before wire.Actions) bool {
	if l.wants(wantHeaders) {
		return true
	}
	if l.actions()&wire.ActionChgHdrs == 0 {
		return false
	}
	return before&headerActions != 0 || lo.ContainsBy(l.routes, func(r *routeSpec) bool { return r.stage == StageHeader })
}

func (l *laneSpec) wants(kind wantKind) bool {
	return lo.ContainsBy(l.kept, func(w wantSpec) bool { return w.kind == kind })
}

func (l *laneSpec) actions() (a wire.Actions) {
	for _, g := range l.grants {
		a |= g.action
	}
	return a
}
