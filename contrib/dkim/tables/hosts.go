package tables

import (
	"errors"
	"net"
	"net/netip"
	"strings"
)

// Hosts are the addresses in a list of hosts.
type Hosts struct {
	// Networks are the networks in the list. Except are the exceptions from
	// them, which the list marks with an exclamation mark.
	Networks, Except []netip.Prefix
}

var errHost = errors.New("want an address or a network; host names are not supported, because clients can forge them")

// ReadHosts reads a list of hosts with one address or network per line.
// OpenDKIM uses such lists for InternalHosts and PeerList. The forms are
// 192.0.2.1, 192.0.2.0/24, 192.0.2.0/255.255.255.0, 2001:db8::/32,
// [2001:db8::1] and localhost. A line that begins with an exclamation mark is
// an exception.
func ReadHosts(spec string) (Hosts, error) {
	src, err := parseSource(spec)
	if err != nil {
		return Hosts{}, err
	}
	entries, err := src.read()
	if err != nil {
		return Hosts{}, err
	}
	return hosts(src.path, entries)
}

func hosts(file string, entries []entry) (Hosts, error) {
	var (
		list Hosts
		errs []error
	)
	for i := range entries {
		e := &entries[i]
		text, except := strings.CutPrefix(e.key, "!")
		prefixes, ok := parseHost(text)
		switch {
		case !ok || e.value != "":
			errs = append(errs, e.fail(file, e.keyAt, "%q: %w", e.key, errHost))
		case except:
			list.Except = append(list.Except, prefixes...)
		default:
			list.Networks = append(list.Networks, prefixes...)
		}
	}
	return list, errors.Join(errs...)
}

// parseHost parses an entry of a list of hosts.
func parseHost(text string) ([]netip.Prefix, bool) {
	if strings.EqualFold(text, "localhost") {
		return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, true
	}
	addrText, bits, ranged := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(addrText, "["), "]"))
	if err != nil || addr.Zone() != "" {
		return nil, false
	}
	addr = addr.Unmap()
	if !ranged {
		return []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}, true
	}
	if mask, err := netip.ParseAddr(bits); err == nil && mask.Is4() && addr.Is4() {
		ones, size := net.IPMask(mask.AsSlice()).Size()
		return []netip.Prefix{netip.PrefixFrom(addr, ones).Masked()}, size > 0
	}
	p, err := netip.ParsePrefix(addr.String() + "/" + bits)
	return []netip.Prefix{p.Masked()}, err == nil
}
