package middleware

import "github.com/sluicemail/sluice/framework"

// decider decides about messages by a condition, for one middleware.
type decider struct {
	each  bool
	bind  func(rt *framework.Route) evaluation
	slots func(rt *framework.Route) framework.Slot[decision]
	lasts func(rt *framework.Route) *framework.Stage
}

// decision is what was decided about the message under way.
type decision struct {
	truth truth
	begun bool // a handler was called
	early heldVerdict
}

// newDecider returns nil for a condition with a mistake.
func newDecider(c Condition) *decider {
	if c.mistake() != "" {
		return nil
	}
	return &decider{
		each: c.each, bind: c.use(), slots: framework.OncePerFilter(framework.PerMessage[decision]),
		lasts: framework.OncePerFilter(func(*framework.Route) *framework.Stage { return new(framework.Stage) }),
	}
}

// deciding is a decider on one route.
type deciding struct {
	eval evaluation
	slot framework.Slot[decision]
	last *framework.Stage // of a message that is wrapped in the lane
	each bool
}

func (d *decider) on(rt *framework.Route) deciding {
	r := deciding{eval: notYet, slot: d.slots(rt), last: d.lasts(rt)}
	if rt.Stage() <= framework.StageEndOfMessage {
		r.eval = d.bind(rt)
		*r.last = max(*r.last, rt.Stage())
	}
	r.each = d.each && rt.Stage() == framework.StageRcpt
	return r
}

// later reports whether there is a wrapped handler after the stage at which a
// message's condition may be known.
func (r *deciding) later(stage framework.Stage) bool {
	return *r.last > stage && *r.last >= framework.StageMail
}

// decide returns what is decided about the message, or, where the condition is
// about each recipient, about that.
func (r *deciding) decide(s *framework.Session, ev framework.Event) (truth, error) {
	if ev.Stage() < framework.StageMail {
		return r.eval(s, ev)
	}
	st := r.slot.Get(s)
	if st.truth != unknown && !r.each {
		return st.truth, nil
	}
	t, err := r.eval(s, ev)
	if !r.each {
		st.truth = t
	}
	return t, err
}
