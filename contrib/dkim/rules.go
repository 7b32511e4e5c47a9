package dkim

import (
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

func newRules() rules { return rules{exact: make(map[string][]int)} }

// glob is a pattern in which an asterisk stands for any text.
type glob struct {
	rule   int
	pieces []string // the texts between the asterisks, of which there is at least one
}

// match reports whether the pattern matches. Its time is proportional to the length of
// the address.
func (g *glob) match(address string) bool {
	last := len(g.pieces) - 1
	address, begins := strings.CutPrefix(address, g.pieces[0])
	address, ends := strings.CutSuffix(address, g.pieces[last])
	for _, piece := range g.pieces[1:last] {
		_, rest, found := strings.Cut(address, piece)
		if !found {
			return false
		}
		address = rest
	}
	return begins && ends
}

// add adds a pattern of the rule with a number.
func (r *rules) add(number int, pattern string) {
	pattern = asciiPattern(pattern)
	if domain, ok := strings.CutPrefix(pattern, "*@"); ok && !strings.Contains(domain, "*") {
		pattern = domain // as in OpenDKIM, *@.domain means .domain
	}
	if strings.Contains(pattern, "*") {
		r.globs = append(r.globs, glob{number, strings.Split(pattern, "*")})
		return
	}
	r.exact[pattern] = append(r.exact[pattern], number)
}

// asciiPattern returns a pattern in lower case, with its domain in ASCII form.
func asciiPattern(pattern string) string {
	pattern = strings.ToLower(strings.TrimSpace(pattern))
	if strings.Contains(pattern, "@") {
		return asciiAddress(pattern)
	}
	return asciiDomain(pattern)
}

// none reports whether there is no pattern.
func (r *rules) none() bool { return len(r.exact) == 0 && len(r.globs) == 0 }

// find returns the numbers of the rules for an address, in ascending order. No rule is for
// an address whose domain is longer than names in the DNS, because the time grows with the
// square of its length.
func (r *rules) find(address string) []int {
	address = strings.ToLower(address)
	local, domain := splitAddress(address)
	if domain == "" || len(domain) > maxDomain {
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
	for i := range r.globs {
		if g := &r.globs[i]; g.match(address) {
			found = append(found, g.rule)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
