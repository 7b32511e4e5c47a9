package framework

import (
	"fmt"
	"slices"

	"github.com/samber/lo"
)

// order leaves the lane of the root router out when nothing is registered on
// it, so that lanes are what the user mounted.
func (g *registry) order() {
	g.lanes = slices.DeleteFunc(g.lanes, func(l *laneSpec) bool {
		return l.index == 0 && len(l.routes)+len(l.grants)+len(l.macros)+len(l.kept) == 0
	})
}

// maxBodyRoutes is how many handlers of the body a lane can tell apart when
// one of them skips the rest.
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

// checkNames refuses a second filter of a name. It waits until it is known
// whether the root router is a lane at all.
func (g *registry) checkNames() {
	for i, lane := range g.lanes {
		if slices.ContainsFunc(g.lanes[:i], func(l *laneSpec) bool { return l.name == lane.name }) {
			g.report(&RegistrationError{
				Where: lane.where, Filter: lane.name, Reason: fmt.Sprintf("a second filter of the name %q", lane.name),
			})
		}
	}
}
