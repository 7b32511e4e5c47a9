package headers

import (
	"fmt"
	"regexp"
	"strings"
)

// matched lists the patterns of a rule that can have matched before the text that is
// compiled is used.
type matched struct {
	patterns []*regexp.Regexp
	wrong    bool // a pattern was wrong, so that its groups are unknown
}

// number checks that a pattern has a group with a number.
func (m *matched) number(n int) error {
	groups := 0
	for _, re := range m.patterns {
		groups = max(groups, re.NumSubexp())
	}
	switch {
	case m.wrong || len(m.patterns) > 0 && n <= groups:
		return nil
	case len(m.patterns) == 0:
		return fmt.Errorf(".Match %d: no pattern of this rule can have matched before", n)
	case groups == 0:
		return fmt.Errorf(".Match %d: the patterns of this rule have no groups; write ( ) around what you want, or .Match 0 for the whole match", n)
	}
	return fmt.Errorf(".Match %d: the patterns of this rule have groups up to %d only", n, groups)
}

// named checks that a pattern has a group with a name.
func (m *matched) named(name string) error {
	var names []string
	for _, re := range m.patterns {
		for _, known := range re.SubexpNames() {
			if known == name && name != "" {
				return nil
			}
			if known != "" {
				names = append(names, known)
			}
		}
	}
	switch {
	case m.wrong:
		return nil
	case len(m.patterns) == 0:
		return fmt.Errorf(".Group %.60q: no pattern of this rule can have matched before", name)
	case len(names) == 0:
		return fmt.Errorf(".Group %.60q: the patterns of this rule have no named groups; write (?P<name>…)", name)
	}
	return fmt.Errorf(".Group %.60q: no pattern of this rule has the group%s; the named groups are %s",
		name, didYouMean(name, names), strings.Join(names, ", "))
}
