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
	// The root router has a lane only if something was registered on it.
	g.lanes = slices.DeleteFunc(g.lanes, func(l *laneSpec) bool { return l.index == 0 && l.empty() })
	g.checkNames()
	g.checkBodies()
	if len(g.mistakes) > 0 {
		return nil, errors.Join(lo.Map(g.mistakes, func(m *RegistrationError, _ int) error { return m })...)
	}
	p := &Plan{reg: g, slots: g.slots, endHooks: g.endHooks}
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

// compile arranges the routes by lane and stage.
func (p *Plan) compile(specs []*laneSpec, routes []wrappedRoute) {
	p.lanes = make([]lanePlan, len(specs))
	rejected := make([][]route, len(specs))
	for i, spec := range specs {
		lane := &p.lanes[i]
		lane.name, lane.spec, lane.policy = spec.name, spec, spec.policy
		for _, r := range routes {
			if r.lane == spec {
				lane.add(&r, &rejected[i])
			}
		}
		p.timed = p.timed || lane.limits.message > 0
		if len(rejected[i]) > 0 {
			p.rejected = append(p.rejected, stageLane{i, rejected[i]})
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
func (l *lanePlan) add(r *wrappedRoute, rejected *[]route) {
	shorten(&l.limits.stage[r.stage], r.limits.event)
	shorten(&l.limits.message, r.limits.message)
	rt := route{r.handle, r.Route.answers, r.dryRun}
	if r.rejected {
		*rejected = append(*rejected, rt)
		return
	}
	l.routes[r.stage] = append(l.routes[r.stage], rt)
}

// decideKept decides what the sessions keep, and which lanes see the content only at
// the end of the message. These are the lanes that look at content that an earlier
// lane may modify.
func (p *Plan) decideKept(specs []*laneSpec) {
	shown := lo.ContainsBy(specs, func(l *laneSpec) bool { return l.handles(StageHeader) })
	var before wire.Actions
	for i, spec := range specs {
		lane := &p.lanes[i]
		lane.replays = sees(spec)&before != 0
		lane.needs = needs(spec, lane.replays, before, shown)
		p.keeps.client = p.keeps.client || spec.want(wantClient)
		p.keeps.helo = p.keeps.helo || spec.want(wantHelo)
		p.keeps.envelope = p.keeps.envelope || spec.want(wantEnvelope)
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

// needs returns the parts of a message that a lane needs. before has the actions that
// the lanes before it may take. shown reports whether any lane has a handler of header
// fields. The lane may then change a field by a handle that this handler stored.
func needs(spec *laneSpec, replays bool, before wire.Actions, shown bool) (n parts) {
	fields := spec.handles(StageHeader)
	if fields {
		n |= theFields
	}
	if replays && fields || needsHeader(spec, before) || shown && spec.actions().Has(wire.ActionChgHdrs) {
		n |= theHeader
	}
	if replays && spec.handles(StageBody) || spec.want(wantBody) {
		n |= theBody
	}
	if spec.want(wantEnvelope) {
		n |= theEnvelope
	}
	return n
}

// needsHeader reports whether a lane itself needs the header to be kept. It does if it
// reads the whole header, or if it changes fields and either has a handler of header
// fields or follows a lane that edits the header.
func needsHeader(spec *laneSpec, before wire.Actions) bool {
	if spec.want(wantHeaders) {
		return true
	}
	if spec.actions()&wire.ActionChgHdrs == 0 {
		return false
	}
	return before&headerActions != 0 || spec.handles(StageHeader)
}
