package framework

import "github.com/sluicemail/sluice/wire"

// grant is what all grants are made of: the right to one kind of modification,
// and the router that gave it.
type grant struct {
	reg    *registry
	lane   *laneSpec // the grant is of
	action wire.Actions
}

type grantSpec struct {
	action   wire.Actions
	optional bool
	method   string
	where    string
}

// GrantOption changes how a grant is negotiated.
type GrantOption func(*grantSpec)

// Optional makes a grant a wish: an MTA that does not allow the action is
// served all the same. Ask the grant's Granted before using it.
func Optional() GrantOption { return func(g *grantSpec) { g.optional = true } }

func (r *Router) grant(method string, action wire.Actions, opts []GrantOption) grant {
	r.reg.mustBeOpen()
	spec := grantSpec{action: action, method: method, where: caller()}
	for _, opt := range opts {
		if opt == nil {
			r.mistake("%s with a nil option", method)
			continue
		}
		opt(&spec)
	}
	r.lane.grants = append(r.lane.grants, spec)
	return grant{r.reg, r.lane, action}
}

// Granted reports whether the MTA of this session allows the modification. For
// a grant that is not optional it always does.
func (g grant) Granted(s *Session) bool {
	return g.reg != nil && g.reg == s.plan.reg && s.nego.Actions.Has(g.action)
}

// queue returns where the running handler's modifications are queued.
func (g grant) queue(s *Session) (*laneState, error) {
	switch {
	case g.reg == nil || g.reg != s.plan.reg:
		return nil, ErrNoGrant
	case !g.Granted(s):
		return nil, ErrNotGranted
	case s.running != nil && s.running.plan.spec != g.lane:
		return nil, ErrNoGrant
	case s.running == nil || !s.inMessage || s.link.stage == StageAbort:
		return nil, ErrNoMessage
	}
	return s.running, nil
}
