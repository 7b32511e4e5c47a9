package middleware

import "github.com/sluicemail/sluice/framework"

// Not holds where the condition does not.
func Not(c Condition) Condition {
	if wrong := c.mistake(); wrong != "" {
		return wrongCondition(wrong)
	}
	return Condition{each: c.each, use: func() func(rt *framework.Route) evaluation {
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

// All holds where all conditions do; without any it holds. It is known as soon
// as one does not hold, or all are known.
func All(conditions ...Condition) Condition { return joined(conditions, no) }

// Any holds where one of the conditions does; without any it does not. It is
// known as soon as one holds, or all are known.
func Any(conditions ...Condition) Condition { return joined(conditions, yes) }

// joined is a condition that is settled by one that is so.
func joined(conditions []Condition, settles truth) Condition {
	c := Condition{}
	for _, part := range conditions {
		if wrong := part.mistake(); wrong != "" {
			return wrongCondition(wrong)
		}
		c.each = c.each || part.each
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
			return join(evals, settles)
		}
	}
	return c
}

// join asks every part each time, for some of them count what they are shown.
func join(evals []evaluation, settles truth) evaluation {
	return func(s *framework.Session, ev framework.Event) (truth, error) {
		settled, open := false, false
		for _, eval := range evals {
			t, err := eval(s, ev)
			if err != nil {
				return unknown, err
			}
			settled = settled || t == settles
			open = open || t == unknown
		}
		switch {
		case settled:
			return settles, nil
		case open:
			return unknown, nil
		}
		return settles.not(), nil
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
