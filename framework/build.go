package framework

import (
	"errors"
	"fmt"
	"slices"

	"github.com/samber/lo"

	"github.com/sluicemail/sluice/wire"
)

// Plan freezes the router, checks the registrations, and returns what the router asks
// the MTA for. If there are mistakes, the error joins one [*RegistrationError] for each.
func (r *Router) Plan() (*Plan, error) {
	g := r.reg
	if g.plan == nil && g.err == nil {
		g.plan, g.err = g.build()
	}
	return g.plan, g.err
}

func (g *registry) build() (*Plan, error) {
	routes := g.wrap()
	g.checkWrapping()
	// The root router has a lane only if something was registered on it.
	g.lanes = slices.DeleteFunc(g.lanes, func(l *laneSpec) bool { return l.index == 0 && l.empty() })
	g.checkNames()
	g.checkResults()
	g.checkUsed()
	g.checkBodies()
	g.checkWants()
	if len(g.mistakes) > 0 {
		return nil, errors.Join(lo.Map(g.mistakes, func(m *RegistrationError, _ int) error { return m })...)
	}
	p := &Plan{reg: g, slots: g.slots, endHooks: g.endHooks, around: g.around}
	d := deriver{plan: p, lanes: g.lanes, routes: routes}
	d.derive()
	p.compile(g.lanes, routes)
	return p, nil
}

// wrappedRoute is a route with its middleware around it.
type wrappedRoute struct {
	*routeSpec
	*Route
	lane   *laneSpec
	handle Handler
}

func (g *registry) wrap() []wrappedRoute {
	var all []wrappedRoute
	for _, lane := range g.lanes {
		for _, spec := range lane.routes {
			rt := &Route{scope: &scope{reg: g, lane: lane}, spec: spec, answers: spec.answers}
			all = append(all, wrappedRoute{spec, rt, lane, rt.wrap()})
		}
	}
	return all
}

// checkUsed reports middleware that a mounted filter uses without a handler.
func (g *registry) checkUsed() {
	routes := lo.FlatMap(g.lanes, func(l *laneSpec, _ int) []*routeSpec { return l.routes })
	for _, used := range g.used {
		same := func(l layer) bool { return l.where == used.where && l.filter == used.filter }
		if !slices.ContainsFunc(routes, func(r *routeSpec) bool { return slices.ContainsFunc(r.layers, same) }) {
			g.report(&RegistrationError{
				Where: used.where, Filter: used.filter,
				Reason: fmt.Sprintf("Use of %s around no handler: it never runs. AsFilter mounts it without one", middlewareName(used.mw)),
			})
		}
	}
}

// checkNames reports filters that have the same name.
func (g *registry) checkNames() {
	for i, lane := range g.lanes {
		if slices.ContainsFunc(g.lanes[:i], func(l *laneSpec) bool { return l.name == lane.name }) {
			g.report(&RegistrationError{
				Where: lane.where, Filter: lane.name, Reason: fmt.Sprintf("a second filter of the name %q", lane.name),
			})
		}
	}
}

// checkResults reports a middleware that wants to know what a filter did that is not mounted.
func (g *registry) checkResults() {
	for _, w := range g.results {
		if !slices.ContainsFunc(g.lanes, func(l *laneSpec) bool { return l.name == w.filter }) {
			g.reportBy(w.by, fmt.Errorf("WantFilterResult of %q: the router has no filter of this name", w.filter), nil)
		}
	}
}

// maxBodyRoutes is the maximum number of body handlers of a lane, because
// laneState.skipped has one bit for each of them.
const maxBodyRoutes = 64

func (g *registry) checkBodies() {
	for _, lane := range g.lanes {
		bodies := lo.Filter(lane.routes, func(r *routeSpec, _ int) bool { return r.stage == StageBody })
		if len(bodies) > maxBodyRoutes {
			g.report(&RegistrationError{
				Where: bodies[maxBodyRoutes].where, Filter: lane.name, Reason: "more than 64 handlers of the body",
			})
		}
	}
}

// checkWants reports what is kept though no handler can read it. A handle may be used by
// the handlers of another filter and by the functions that run after a message.
func (g *registry) checkWants() {
	if len(g.endHooks) > 0 {
		return
	}
	routes := lo.FlatMap(g.lanes, func(l *laneSpec, _ int) []*routeSpec { return l.routes })
	for _, lane := range g.lanes {
		for _, w := range lane.wants {
			from, limited := w.kind.readableFrom()
			if w.kind == wantHeaders && lane.actions()&headerActions != 0 {
				continue // the header is kept so that edits find their fields
			}
			if limited && !w.ofMiddleware && !slices.ContainsFunc(routes, func(r *routeSpec) bool { return w.kind.readable(r.stage) }) {
				g.report(&RegistrationError{
					Where: w.by.where, Filter: w.by.filter,
					Reason: fmt.Sprintf("%s can be read from the stage %v on, and no handler is registered there", w.by.method, from),
				})
			}
		}
	}
}

// compile arranges the routes by lane and stage.
func (p *Plan) compile(specs []*laneSpec, routes []wrappedRoute) {
	p.lanes = make([]lanePlan, len(specs))
	rejected, before := make([][]route, len(specs)), make([][]route, len(specs))
	for i, spec := range specs {
		lane := &p.lanes[i]
		lane.name, lane.number, lane.spec, lane.policy = spec.name, i+1, spec, spec.policy
		own := lo.Filter(routes, func(r wrappedRoute, _ int) bool { return r.lane == spec })
		for _, r := range own {
			lane.add(&r, &rejected[i], &before[i])
		}
		lane.allDry = len(own) > 0 && lo.EveryBy(own, func(r wrappedRoute) bool { return r.dryRun })
		lane.recorded = slices.ContainsFunc(p.reg.results, func(w resultWant) bool { return w.filter == lane.name })
		p.timed = p.timed || lane.limits.message > 0
		if len(rejected[i]) > 0 {
			p.rejected = append(p.rejected, stageLane{i, rejected[i]})
		}
		if len(before[i]) > 0 {
			p.before = append(p.before, stageLane{i, before[i]})
		}
	}
	p.decideKept(specs)
	for stage := range numStages {
		for i := range p.lanes {
			lane := &p.lanes[i]
			if len(lane.routes[stage]) > 0 && (!lane.replays || !stage.ofContent()) {
				p.live[stage] = append(p.live[stage], stageLane{i, lane.routes[stage]})
			}
		}
	}
}

// add adds a route to the lane.
func (l *lanePlan) add(r *wrappedRoute, rejected, before *[]route) {
	shorten(&l.limits.stage[r.stage], r.limits.event)
	shorten(&l.limits.message, r.limits.message)
	rt := route{r.handle, r.Route.answers, r.dryRun}
	list := &l.routes[r.stage]
	switch {
	case r.rejected:
		list = rejected
	case r.before:
		list = before
	}
	*list = append(*list, rt)
}

// decideKept decides what the sessions keep, and which lanes see the content only at
// the end of the message. These are the lanes that look at content that an earlier
// lane may modify.
func (p *Plan) decideKept(specs []*laneSpec) {
	var before wire.Actions
	for i, spec := range specs {
		lane := &p.lanes[i]
		lane.replays, lane.requires = sees(spec)&before != 0, spec.requires()
		lane.needs, lane.needsToEdit = needs(spec, lane.replays), spec.keeps()
		p.keeps.client = p.keeps.client || spec.want(wantClient)
		p.keeps.helo = p.keeps.helo || spec.want(wantHelo)
		p.keeps.envelope = p.keeps.envelope || lane.needs&theEnvelope != 0
		p.keeps.header = p.keeps.header || lane.needs&theHeader != 0
		p.keeps.body = p.keeps.body || lane.needs&theBody != 0
		if !lane.policy.dryRun {
			before |= spec.actions()
		}
	}
}

const headerActions = wire.ActionAddHdrs | wire.ActionChgHdrs

// sees returns the actions that modify content that the lane's handlers look at before
// the end of the message.
func sees(spec *laneSpec) (a wire.Actions) {
	content := spec.handles(StageEndOfHeaders) || spec.handles(StageBody)
	if spec.handles(StageHeader) || content && spec.want(wantHeaders) {
		a |= headerActions
	}
	if spec.handles(StageBody) {
		a |= wire.ActionChgBody
	}
	return a
}

// needs returns the parts of a message that a lane needs.
func needs(spec *laneSpec, replays bool) parts {
	n := spec.keeps()
	if spec.handles(StageHeader) {
		n |= theFields
	}
	if replays && spec.handles(StageHeader) || spec.want(wantHeaders) {
		n |= theHeader
	}
	if replays && spec.handles(StageBody) || spec.want(wantBody) {
		n |= theBody
	}
	if spec.want(wantMessage) {
		n |= theHeader | theBody
	}
	if spec.want(wantEnvelope) {
		n |= theEnvelope
	}
	return n
}
