package resolver

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// The labels of the names of PTR records that stand for a network of 16 bits (IPv4)
// or of 32 bits (IPv6). Smaller networks are cheap.
const (
	networkLabels4 = 4  // such as 0.192.in-addr.arpa
	networkLabels6 = 10 // such as 8.b.d.0.1.0.0.2.ip6.arpa
)

// parentDomain returns the domain that shares places with all names below it. It is
// the registrable domain by the Public Suffix List: new names below it cost nothing,
// while another one costs money. For the names of addresses it is a network.
func parentDomain(name string) string {
	switch {
	case strings.HasSuffix(name, ".in-addr.arpa"):
		return lastLabels(name, networkLabels4)
	case strings.HasSuffix(name, ".ip6.arpa"):
		return lastLabels(name, networkLabels6)
	}
	parent, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil { // the name is a public suffix
		return name
	}
	return parent
}

// lastLabels returns the last n labels of a name.
func lastLabels(name string, n int) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] != '.' {
			continue
		}
		if n--; n == 0 {
			return name[i+1:]
		}
	}
	return name
}
