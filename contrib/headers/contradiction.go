package headers

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// assumptions are what conditions that must all hold say about a message, as far as they
// can contradict each other.
type assumptions struct {
	there, absent []string
	loggedIn, not bool
	over, under   int64
	clients       [][]netip.Prefix
	senders       []addressSet
}

// add adds a condition, or its negation. It returns why it cannot hold together with those
// before it, or nil.
func (s *assumptions) add(c *compiler, cond Condition, negated bool) error {
	switch cond := bareCondition(cond).(type) {
	case Not:
		return s.add(c, cond.Condition, !negated)
	case All:
		return s.addList(c, cond, negated, !negated)
	case Any:
		return s.addList(c, cond, negated, negated)
	case Present:
		return s.present(cond, !negated)
	case Absent:
		return s.field(cond.Name, negated)
	case Authenticated:
		s.loggedIn, s.not = s.loggedIn || !negated, s.not || negated
		if s.loggedIn && s.not {
			return errors.New("a client cannot have logged in and not have logged in")
		}
	default:
		if !negated {
			return s.addOther(c, cond)
		}
	}
	return nil
}

// addOther adds a condition whose negation says nothing.
func (s *assumptions) addOther(c *compiler, cond Condition) error {
	switch cond := cond.(type) {
	case Matches, Addresses:
		if name, ok := needsField(cond); ok {
			return s.field(name, true)
		}
	case Size:
		return s.size(cond)
	case Client:
		return s.client(cond)
	case Sender:
		if cond.Match == "" {
			return s.sender(c, cond)
		}
	}
	return nil
}

// addList adds the conditions of a list, or their negations. If not all must hold, one of
// them is enough, and the list says something only if it has no other.
func (s *assumptions) addList(c *compiler, list []Condition, negated, all bool) error {
	if all || len(list) == 1 {
		for _, cond := range list {
			if err := s.add(c, cond, negated); err != nil {
				return err
			}
		}
		return nil
	}
	var why error
	for _, cond := range list {
		branch := *s // what it appends is not seen in s
		if why = branch.add(c, cond, negated); why == nil {
			return nil
		}
	}
	return why
}

// present adds a condition [Present]. That the message has no second field says nothing
// about the first.
func (s *assumptions) present(p Present, holds bool) error {
	if !holds && p.Which != Every && p.Which != First && p.Which != Last {
		return nil
	}
	return s.field(p.Name, holds)
}

func (s *assumptions) field(name string, there bool) error {
	if there {
		s.there = append(s.there, name)
	} else {
		s.absent = append(s.absent, name)
	}
	for _, absent := range s.absent {
		for _, present := range s.there {
			if covers(absent, present) {
				return fmt.Errorf("%s cannot be both present and absent; for either of them, write any", present)
			}
		}
	}
	return nil
}

func (s *assumptions) size(size Size) error {
	s.over = max(s.over, size.Over)
	if size.Under > 0 {
		s.under = min(s.under, size.Under)
	}
	if s.under-1 <= s.over {
		return fmt.Errorf("no message is both larger than %d and smaller than %d bytes", s.over, s.under)
	}
	return nil
}

func (s *assumptions) client(cl Client) error {
	var nets []netip.Prefix
	for _, text := range cl.Networks {
		if p, err := network(text); err == nil {
			nets = append(nets, p)
		}
	}
	for _, others := range s.clients {
		if !overlap(nets, others) {
			return errors.New("no client is in both lists of networks; for either of them, write one list")
		}
	}
	s.clients = append(s.clients, nets)
	return nil
}

func overlap(a, b []netip.Prefix) bool {
	for _, x := range a {
		if slices.ContainsFunc(b, x.Overlaps) {
			return true
		}
	}
	return len(a) == 0 || len(b) == 0
}

func (s *assumptions) sender(c *compiler, from Sender) error {
	before := len(c.errs)
	set := c.addresses(from.In)
	c.errs = c.errs[:before] // Sender has reported them
	for _, other := range s.senders {
		if !set.meets(other) && !other.meets(set) {
			return errors.New("no sender is in both lists; for either of them, write one list")
		}
	}
	s.senders = append(s.senders, set)
	return nil
}

// meets reports whether an example of an entry of the other set is in the set.
func (set addressSet) meets(other addressSet) bool {
	for entry := range other {
		switch {
		case strings.HasPrefix(entry, "@"):
			entry = "x" + entry
		case strings.HasPrefix(entry, "."):
			entry = "x@x" + entry
		}
		if set.has(entry) {
			return true
		}
	}
	return len(set) == 0 || len(other) == 0
}

// contradictions reports each condition of a list that contradicts the conditions before
// it, so that the list can never hold.
func (c *compiler) contradictions(list []Condition) {
	s := assumptions{under: math.MaxInt64}
	for _, cond := range list {
		alone := assumptions{under: math.MaxInt64}
		if alone.add(c, cond, false) != nil {
			return // a list in the condition has reported it
		}
		if err := s.add(c, cond, false); err != nil {
			leave := c.atCondition(cond)
			c.fail("", fmt.Errorf("the condition never holds: %w", err))
			leave()
			return
		}
	}
}

// tautology warns of a list of conditions of which one always holds.
func (c *compiler) tautology(list []Condition) {
	opposite := make([]Condition, 0, len(list))
	for _, cond := range list {
		if cond == nil {
			return
		}
		switch bareCondition(cond).(type) {
		case Present, Absent, Authenticated, Not, All, Any:
			opposite = append(opposite, Not{cond})
		}
	}
	s := assumptions{under: math.MaxInt64}
	for _, cond := range opposite {
		if s.add(c, cond, false) != nil {
			c.warn("", "the condition always holds, because one of its parts is the opposite of another")
			return
		}
	}
}

// atCondition sets the place of a condition for later mistakes.
func (c *compiler) atCondition(cond Condition) (leave func()) {
	var at place
	if l, ok := cond.(locatedCondition); ok {
		at = l.at
	}
	return c.scope(typeName(bareCondition(cond)), at)
}
