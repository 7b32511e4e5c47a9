package dkim

import (
	"regexp"
	"strings"
)

// rules finds the first rule for an address. The usual patterns are looked up,
// so that a table of many domains costs no more than one of few; the others are
// tried in order.
type rules struct {
	exact map[string]int // an address, a domain or .domain, to the rule's number
	globs []glob
}

type glob struct {
	rule    int
	pattern *regexp.Regexp // nil matches all
}

// add enters a rule's pattern.
func (r *rules) add(number int, pattern string) {
	pattern = strings.ToLower(strings.TrimSpace(pattern))
	if domain, ok := strings.CutPrefix(pattern, "*@"); ok && !strings.Contains(domain, "*") {
		pattern = domain // and *@.domain is .domain, as OpenDKIM has it
	}
	switch {
	case pattern == "*" || pattern == "*@*":
		r.globs = append(r.globs, glob{rule: number})
	case strings.Contains(pattern, "*"):
		expr := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
		r.globs = append(r.globs, glob{number, regexp.MustCompile("^" + expr + "$")})
	default:
		if _, there := r.exact[pattern]; !there {
			r.exact[pattern] = number
		}
	}
}

// find returns the number of the first rule for an address, or -1.
func (r *rules) find(address string) int {
	address = strings.ToLower(address)
	local, domain := splitAddress(address)
	if domain == "" {
		return -1
	}
	best := -1
	try := func(key string) {
		if n, ok := r.exact[key]; ok && (best < 0 || n < best) {
			best = n
		}
	}
	try(address)
	try(domain)
	for rest := domain; ; {
		i := strings.IndexByte(rest, '.')
		if i < 0 {
			break
		}
		try(rest[i:])
		try(local + "@" + rest[i:])
		rest = rest[i+1:]
	}
	for _, g := range r.globs {
		if best >= 0 && best <= g.rule {
			break
		}
		if g.pattern == nil || g.pattern.MatchString(address) {
			return g.rule
		}
	}
	return best
}
