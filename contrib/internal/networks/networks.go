package networks

import (
	"errors"
	"net/netip"
	"slices"
)

// errInvalid is the error for a network that is not valid.
var errInvalid = errors.New("a network is not valid")

// Unmapped returns a copy of networks, with those of IPv4 in IPv6 as IPv4, because addresses
// are compared so. It returns nil for nil.
func Unmapped(networks []netip.Prefix) ([]netip.Prefix, error) {
	out := slices.Clone(networks)
	for i, p := range out {
		if !p.IsValid() {
			return nil, errInvalid
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			out[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	return out, nil
}

// Contain reports whether one of the networks contains an address.
func Contain(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
