package filter

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Denylist is a set of domains in lower case.
type Denylist map[string]bool

// ReadDenylist reads a domain from each line. It ignores empty lines and lines
// that begin with #.
func ReadDenylist(r io.Reader) (Denylist, error) {
	list := make(Denylist)
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		domain := strings.ToLower(strings.TrimSpace(lines.Text()))
		switch {
		case domain == "" || domain[0] == '#':
		case strings.ContainsAny(domain, " \t@"):
			return nil, fmt.Errorf("line %d: %q is not a domain", number, domain)
		default:
			list[strings.Trim(domain, ".")] = true
		}
	}
	return list, lines.Err()
}

// Denies reports whether the list has the domain of an address or one of its
// parent domains.
func (d Denylist) Denies(address string) bool {
	_, domain, found := cutLast(address, "@")
	for found && domain != "" {
		if d[strings.ToLower(domain)] {
			return true
		}
		_, domain, found = strings.Cut(domain, ".")
	}
	return false
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
