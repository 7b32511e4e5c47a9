package middleware

import "github.com/sluicemail/sluice/framework"

// decider evaluates a condition for one middleware.
type decider struct {
	perRcpt bool
	bind    func(rt *framework.Route) evaluation
	slots   func(rt *framework.Route) framework.Slot[decision]
	lasts   func(rt *framework.Route) *framework.Stage
}

// decision is the value of the condition for the current message.
type decision struct {
	truth truth
	begun bool // a handler was called for the message
	early heldVerdict
}

// newDecider returns a decider, or nil if the condition cannot be used.
func newDecider(c Condition) *decider {
	if c.check() != nil {
		return nil
	}
	return &decider{
		perRcpt: c.perRcpt, bind: c.use(), slots: framework.OncePerFilter(framework.PerMessage[decision]),
		lasts: framework.OncePerFilter(func(*framework.Route) *framework.Stage { return new(framework.Stage) }),
	}
}

// routeDecider is a decider on one route.
type routeDecider struct {
	eval    evaluation
	slot    framework.Slot[decision]
	last    *framework.Stage // the last wrapped stage of the filter, up to the end of the message
	perRcpt bool
}

func (d *decider) on(rt *framework.Route) routeDecider {
	r := routeDecider{eval: notYet, slot: d.slots(rt), last: d.lasts(rt)}
	if rt.Stage() <= framework.StageEndOfMessage {
		r.eval = d.bind(rt)
		*r.last = max(*r.last, rt.Stage())
	}
	r.perRcpt = d.perRcpt && rt.Stage() == framework.StageRcpt
	return r
}

// later reports whether a wrapped handler of a later stage exists at which the
// condition may become known.
func (r *routeDecider) later(stage framework.Stage) bool {
	return *r.last > stage && *r.last >= framework.StageMail
}

// decide returns the value of the condition for the message, or at Rcpt for the
// recipient if the condition applies to recipients.
func (r *routeDecider) decide(s *framework.Session, ev framework.Event) (truth, error) {
	if ev.Stage() < framework.StageMail {
		return r.eval(s, ev)
	}
	st := r.slot.Get(s)
	if st.truth != unknown && !r.perRcpt {
		return st.truth, nil
	}
	t, err := r.eval(s, ev)
	if !r.perRcpt {
		st.truth = t
	}
	return t, err
}
