package dkim

import (
	"regexp"
	"slices"
	"strings"
)

// rules finds the rules for an address. It finds addresses and domains by map
// lookup, so the cost does not grow with the number of domains. It tries
// patterns with wildcards one by one.
type rules struct {
	exact map[string][]int // maps an address, a domain or .domain to rule numbers
	globs []glob
}

type glob struct {
	rule    int
	pattern *regexp.Regexp // nil matches every address
}

// add adds a pattern of the rule with a number.
func (r *rules) add(number int, pattern string) {
	pattern = asciiPattern(pattern)
	if domain, ok := strings.CutPrefix(pattern, "*@"); ok && !strings.Contains(domain, "*") {
		pattern = domain // as in OpenDKIM, *@.domain means .domain
	}
	switch {
	case pattern == "*" || pattern == "*@*":
		r.globs = append(r.globs, glob{rule: number})
	case strings.Contains(pattern, "*"):
		expr := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
		r.globs = append(r.globs, glob{number, regexp.MustCompile("^" + expr + "$")})
	default:
		r.exact[pattern] = append(r.exact[pattern], number)
	}
}

// asciiPattern returns a pattern in lower case, with its domain in ASCII form.
func asciiPattern(pattern string) string {
	pattern = strings.ToLower(strings.TrimSpace(pattern))
	if strings.Contains(pattern, "@") {
		return asciiAddress(pattern)
	}
	return asciiDomain(pattern)
}

// find returns the numbers of the rules for an address, in ascending order.
func (r *rules) find(address string) []int {
	address = strings.ToLower(address)
	local, domain := splitAddress(address)
	if domain == "" {
		return nil
	}
	found := slices.Concat(r.exact[address], r.exact[domain])
	for rest := domain; ; {
		i := strings.IndexByte(rest, '.')
		if i < 0 {
			break
		}
		found = append(append(found, r.exact[rest[i:]]...), r.exact[local+"@"+rest[i:]]...)
		rest = rest[i+1:]
	}
	for _, g := range r.globs {
		if g.pattern == nil || g.pattern.MatchString(address) {
			found = append(found, g.rule)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
