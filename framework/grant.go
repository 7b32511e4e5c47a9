package framework

import "github.com/sluicemail/sluice/wire"

// grant is the right to make one kind of modification. All grant types contain
// it.
type grant struct {
	reg    *registry
	lane   *laneSpec // that it was given to
	action wire.Actions
}

// GrantOption sets how a grant is negotiated.
type GrantOption func(*grantSpec)

// Optional makes a grant optional: the filter also serves an MTA that does not allow the
// action. Call the grant's Granted before using it.
//
// If an MTA does not allow an action that is not optional, the filter cannot work, and its
// policy decides as after a failure: with [FailOpen] and [DryRun] the session goes on without
// the filter. Otherwise all mail of the MTA is refused, with 451 4.3.0 or with the verdict of
// [FailWith]. The server logs the action and the line that asked for it: see also
// Stats.MissingActions.
func Optional() GrantOption { return func(g *grantSpec) { g.optional = true } }

// grant registers a grant. keeps are the parts of the message that the framework keeps
// so that the grant has the same effect whatever else is registered.
func (in *scope) grant(method string, action wire.Actions, keeps parts, opts []GrantOption) grant {
	in.reg.mustBeOpen()
	spec := grantSpec{action: action, keeps: keeps, method: method, where: caller()}
	for _, opt := range opts {
		if opt == nil {
			in.mistake("%s with a nil option", method)
			continue
		}
		opt(&spec)
	}
	in.lane.grants = append(in.lane.grants, spec)
	return grant{in.reg, in.lane, action}
}

// Granted reports whether the MTA of this session allows the modification. It is always
// true for a grant that is not optional, because the filter is left out of other sessions.
func (g grant) Granted(s *Session) bool {
	return g.reg != nil && g.reg == s.plan.reg && s.nego.Actions.Has(g.action)
}

// laneOf returns the lane of the running handler, where its modifications are queued.
func (g grant) laneOf(s *Session) (*laneState, error) {
	running := s.lanes.running
	switch {
	case g.reg == nil || g.reg != s.plan.reg:
		return nil, ErrNoGrant
	case !g.Granted(s):
		return nil, ErrNotGranted
	case running != nil && running.plan.spec != g.lane:
		return nil, ErrNoGrant
	case running == nil || !s.inMessage() || s.watch.stage == StageAbort:
		return nil, ErrNoMessage
	}
	return running, nil
}

// queue queues a modification of the running handler.
func (g grant) queue(s *Session, e edit) error {
	lane, err := g.laneOf(s)
	if err != nil {
		return err
	}
	return lane.request(s, e)
}
