package framework

import (
	"cmp"
	"errors"
	"slices"
	"strings"

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
}

// lanePlan is a lane ready to run.
type lanePlan struct {
	name     string
	policy   policy
	routes   [numStages][]route
	deferred bool // content is shown right before the end of message
}

// stageLane is a lane at one stage.
type stageLane struct {
	lane   int
	routes []route
}

type route struct {
	handle  Handler
	answers bool
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
	g.countBodies()
	g.tellMTAs()
	if len(g.mistakes) > 0 {
		return nil, errors.Join(g.mistakes...)
	}
	e := explainer{plan: p, lanes: g.lanes, routes: folded}
	e.explain()
	p.compile(g.lanes, folded)
	return p, nil
}

// order leaves the lane of the root router out when nothing is registered on
// it, so that lanes are what the user mounted.
func (g *registry) order() {
	g.lanes = slices.DeleteFunc(g.lanes, func(l *laneSpec) bool {
		return l.index == 0 && len(l.routes)+len(l.grants)+len(l.macros)+len(l.wants) == 0
	})
}

// maxBodyRoutes is how many handlers of the body a lane can tell apart when
// one of them skips the rest.
const maxBodyRoutes = 64

func (g *registry) countBodies() {
	for _, lane := range g.lanes {
		bodies := lo.Filter(lane.routes, func(r *routeSpec, _ int) bool { return r.stage == StageBody })
		if len(bodies) > maxBodyRoutes {
			g.mistakes = append(g.mistakes, &RegistrationError{
				Where: bodies[maxBodyRoutes].where, Filter: lane.name, Reason: "more than 64 handlers of the body",
			})
		}
	}
}

// tellMTAs keeps the macro v, by which Postfix says what it is, where a filter
// that places header fields chose the macros of that stage: without such a
// choice it comes by itself. See [Session.kindOfMTA].
func (g *registry) tellMTAs() {
	chosen := lo.ContainsBy(g.lanes, func(l *laneSpec) bool {
		return lo.ContainsBy(l.macros, func(m macroSpec) bool { return m.list == wire.MacroConnect })
	})
	for _, lane := range g.lanes {
		for _, grant := range lane.grants {
			if chosen && grant.action.Has(wire.ActionAddHdrs) {
				lane.macros = append(lane.macros, macroSpec{wire.MacroConnect, StageConnect, "v", grant.method, grant.where})
			}
		}
	}
}

// folded is a route after its middleware was folded around it.
type folded struct {
	*routeSpec
	lane    *laneSpec
	handle  Handler
	answers bool
}

func (g *registry) fold() []folded {
	var all []folded
	for _, lane := range g.lanes {
		for _, spec := range lane.routes {
			rt := &Route{router: &Router{reg: g, lane: lane}, spec: spec, answers: spec.answers}
			all = append(all, folded{spec, lane, rt.fold(), rt.answers})
		}
	}
	return all
}

// fold calls the middleware from the innermost outwards. An outer one may
// still ask for the answer.
func (rt *Route) fold() Handler {
	next := rt.spec.handler
	for _, l := range slices.Backward(rt.spec.mws) {
		outer := l.mw(rt, next)
		if outer == nil {
			rt.router.reg.mistakes = append(rt.router.reg.mistakes, &RegistrationError{
				Where: l.where, Filter: rt.Filter(), Reason: "the middleware returned no handler for " + rt.spec.method,
			})
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
		p.lanes[i].name, p.lanes[i].policy = spec.name, spec.policy
	}
	refused := make([][]route, len(lanes))
	for _, f := range routes {
		i, rt := at[f.lane], route{f.handle, f.answers}
		if f.rejected {
			refused[i] = append(refused[i], rt)
			continue
		}
		p.lanes[i].routes[f.stage] = append(p.lanes[i].routes[f.stage], rt)
	}
	p.link(lanes)
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
	for i := range p.lanes {
		lane := &p.lanes[i]
		lane.deferred = lane.sees(specs[i])&before != 0
		p.collect = p.collect || lane.deferred && len(lane.routes[StageBody]) > 0
		p.record = p.record || lane.deferred && len(lane.routes[StageHeader]) > 0 || needsBook(specs[i], before)
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
	if len(l.routes[StageHeader]) > 0 || content && spec.wantsHeaders() {
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
	if l.wantsHeaders() {
		return true
	}
	if l.actions()&wire.ActionChgHdrs == 0 {
		return false
	}
	return before&headerActions != 0 || lo.ContainsBy(l.routes, func(r *routeSpec) bool { return r.stage == StageHeader })
}

func (l *laneSpec) wantsHeaders() bool {
	return lo.ContainsBy(l.wants, func(w wantSpec) bool { return w.kind == wantHeaders })
}

func (l *laneSpec) actions() (a wire.Actions) {
	for _, g := range l.grants {
		a |= g.action
	}
	return a
}

// noMacros is the list that has the MTA send no macros. An empty one would have
// Postfix send what it sends by default.
const noMacros = " "

// macroLists joins the lanes' wishes into one list for each stage. Names are
// sorted, so that a plan is the same from run to run. Sendmail looks at the list
// for the end of the message only where there is one for the end of the headers.
func macroLists(lanes []*laneSpec) []wire.MacroList {
	names := make(map[wire.MacroStage][]string)
	for _, l := range lanes {
		for _, m := range l.macros {
			names[m.list] = append(names[m.list], spelled(m.name))
		}
	}
	if names[wire.MacroEOM] != nil && names[wire.MacroEOH] == nil {
		names[wire.MacroEOH] = []string{noMacros}
	}
	lists := lo.MapToSlice(names, func(stage wire.MacroStage, names []string) wire.MacroList {
		slices.Sort(names)
		return wire.MacroList{Stage: stage, Names: strings.Join(slices.Compact(names), " ")}
	})
	slices.SortFunc(lists, func(a, b wire.MacroList) int { return cmp.Compare(a.Stage, b.Stage) })
	return lists
}
