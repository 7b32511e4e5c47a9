package headers

import (
	"errors"
	"slices"
	"strings"
)

// Equal holds if a text equals one of others. The texts are templates, so that a rule can
// compare facts, such as the address in From with the login. Case and white space at the
// ends do not matter. The domains of addresses, and names such as those of hosts, are
// compared in ASCII and without a dot at the end, so that an internationalized domain is
// equal in both of its spellings. Two empty texts are equal.
type Equal struct {
	// Of is a template.
	Of string
	// To lists templates.
	To []string
}

func (e Equal) compile(c *compiler) test {
	before := len(c.errs)
	of := c.line("Of", e.Of)
	if len(e.To) == 0 {
		c.fail("To", errors.New("want at least one text to compare with"))
	}
	to := make([]*line, 0, len(e.To))
	for i, text := range e.To {
		to = append(to, c.line(item("To", i), text))
		if strings.TrimSpace(text) == strings.TrimSpace(e.Of) {
			c.fail(item("To", i), errors.New("a text is compared with itself"))
		}
	}
	if of.expr == nil && !slices.ContainsFunc(to, func(l *line) bool { return l.expr != nil }) && len(c.errs) == before {
		c.fail("", errors.New("no text has a fact in it, such as {{ .Helo }}, so the result is the same for every message"))
	}
	return func(r *run) bool {
		key := textKey(of.render(r))
		return slices.ContainsFunc(to, func(l *line) bool { return textKey(l.render(r)) == key })
	}
}
