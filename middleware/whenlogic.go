package middleware

import "github.com/sluicemail/sluice/framework"

// Not holds if the condition does not hold.
func Not(c Condition) Condition {
	if err := c.check(); err != nil {
		return invalidCondition(err)
	}
	return Condition{perRcpt: c.perRcpt, from: knownFrom{c.from.no, c.from.yes}, use: func() func(rt *framework.Route) evaluation {
		bind := c.use()
		return func(rt *framework.Route) evaluation {
			eval := bind(rt)
			return func(s *framework.Session, ev framework.Event) (truth, error) {
				t, err := eval(s, ev)
				return t.not(), err
			}
		}
	}}
}

// All holds if all conditions hold. All() holds. It is known as soon as one
// condition is known not to hold, or all are known.
func All(conditions ...Condition) Condition { return joined(conditions, no) }

// Any holds if at least one of the conditions holds. Any() does not hold. It is
// known as soon as one condition is known to hold, or all are known.
func Any(conditions ...Condition) Condition { return joined(conditions, yes) }

// and returns the stages of a condition that holds if both hold.
func (f knownFrom) and(g knownFrom) knownFrom {
	return knownFrom{max(f.yes, g.yes), min(f.no, g.no)}
}

// or returns the stages of a condition that holds if one of both holds.
func (f knownFrom) or(g knownFrom) knownFrom {
	return knownFrom{min(f.yes, g.yes), max(f.no, g.no)}
}

// joined returns a condition that is decided as soon as one of the conditions
// has the value decisive.
func joined(conditions []Condition, decisive truth) Condition {
	c := Condition{}
	for i, part := range conditions {
		if err := part.check(); err != nil {
			return invalidCondition(err)
		}
		c.perRcpt = c.perRcpt || part.perRcpt
		switch {
		case i == 0:
			c.from = part.from
		case decisive == yes:
			c.from = c.from.or(part.from)
		default:
			c.from = c.from.and(part.from)
		}
	}
	conditions = append([]Condition(nil), conditions...)
	c.use = func() func(rt *framework.Route) evaluation {
		var binds []func(*framework.Route) evaluation
		for _, part := range conditions {
			binds = append(binds, part.use())
		}
		return func(rt *framework.Route) evaluation {
			var evals []evaluation
			for _, bind := range binds {
				evals = append(evals, bind(rt))
			}
			return join(evals, decisive)
		}
	}
	return c
}

// join evaluates every condition each time, because some conditions count the
// events.
func join(evals []evaluation, decisive truth) evaluation {
	return func(s *framework.Session, ev framework.Event) (truth, error) {
		decided, open := false, false
		for _, eval := range evals {
			t, err := eval(s, ev)
			if err != nil {
				return unknown, err
			}
			decided = decided || t == decisive
			open = open || t == unknown
		}
		switch {
		case decided:
			return decisive, nil
		case open:
			return unknown, nil
		}
		return decisive.not(), nil
	}
}

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	case unknown:
	}
	return unknown
}
