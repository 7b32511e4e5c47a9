package headers

import "slices"

// deleted lists the names and families of which no field is left in any message, as far as
// the rules so far tell.
type deleted []string

// reviewDeleted warns of conditions on fields that rules before them delete from every
// message.
func (c *compiler) reviewDeleted(rules []Rule) {
	var gone deleted
	for i := range rules {
		r := &rules[i]
		leave := c.scope(rulePath(i, r), r.at)
		for _, cond := range conjuncts(r.When, nil) {
			if name, ok := needsField(cond); ok && gone.has(name) {
				leave := c.atCondition(cond)
				c.warn("Name", "a rule before this one deletes %s from every message", name)
				leave()
			}
		}
		leave()
		for _, a := range r.Do {
			gone = gone.after(bareAction(a), r.When == nil)
		}
	}
}

// conjuncts appends the conditions that must all hold if a condition holds.
func conjuncts(cond Condition, list []Condition) []Condition {
	all, ok := bareCondition(cond).(All)
	if !ok {
		return append(list, cond)
	}
	for _, part := range all {
		list = conjuncts(part, list)
	}
	return list
}

// needsField returns the name of the field that a message must have for a condition to hold.
func needsField(cond Condition) (name string, ok bool) {
	switch cond := bareCondition(cond).(type) {
	case Present:
		return cond.Name, true
	case Matches:
		return cond.Name, true
	case Addresses:
		if len(cond.Name) == 1 {
			return cond.Name[0], true
		}
	}
	return "", false
}

func (d deleted) has(name string) bool {
	return slices.ContainsFunc(d, func(gone string) bool { return covers(gone, name) })
}

// after returns the list after an action, which is performed for each message or only for
// some.
func (d deleted) after(a Action, each bool) deleted {
	switch a := a.(type) {
	case Delete:
		if each && a.Match == "" && a.Which == Every {
			return append(d, a.Name)
		}
	case Add:
		return d.without(a.Name)
	case Insert:
		return d.without(a.Name)
	case Rename:
		return d.without(a.To)
	case Replace:
		return d.without(a.Name)
	case Prefix:
		return d.without(a.Name)
	case Suffix:
		return d.without(a.Name)
	case Limit, Strip, Fold, Unfold, Join, Reject, Quarantine:
	default: // an action that may add any field
		return nil
	}
	return d
}

// without returns the list without what may have a field again.
func (d deleted) without(name string) deleted {
	return slices.DeleteFunc(slices.Clone(d), func(gone string) bool { return covers(gone, name) || covers(name, gone) })
}
