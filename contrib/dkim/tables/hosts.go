package tables

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Hosts are the addresses in a list of hosts.
type Hosts struct {
	// Networks are the networks in the list. Except are the exceptions from
	// them, which the list marks with an exclamation mark.
	Networks, Except []netip.Prefix
}

// Errors about an entry of a list of hosts.
var (
	errHost     = errors.New("want an address or a network; host names are not supported, because clients can forge them; write the addresses of the hosts")
	errEveryone = errors.New("an asterisk alone matches no client in OpenDKIM; for all clients write 0.0.0.0/0 and ::/0")
	errWildcard = errors.New("OpenDKIM reads an asterisk only in a refile: table")
	errOnePer   = errors.New("want one address or network on a line, without commas")
	errBits     = errors.New("a network needs all its numbers")
)

// ReadHosts reads a list of hosts with one address or network per line, or
// between commas. OpenDKIM uses such lists for InternalHosts and PeerList. The
// forms are 192.0.2.1, 192.0.2.0/24, 192.0.2.0/255.255.255.0, 2001:db8::/32,
// [2001:db8::1] and localhost, and in a refile: table also 192.0.2.*. An entry
// that begins with an exclamation mark is an exception.
func ReadHosts(name string) (Hosts, error) {
	entries, wildcards, err := Read(name)
	if err != nil {
		return Hosts{}, err
	}
	return ParseHosts(entries, wildcards)
}

// ParseHosts returns the addresses in the entries of a list of hosts, as [Read]
// returns them. If entries are wrong, it returns the others, and an error that
// joins an [Error] for each.
func ParseHosts(entries []Entry, wildcards bool) (Hosts, error) {
	var (
		list Hosts
		errs []error
	)
	for i := range entries {
		e := &entries[i]
		text, except := strings.CutPrefix(e.Key, "!")
		if network := wildcardNetwork(text); network != "" && wildcards {
			text = network
		}
		prefixes, ok := parseHost(text)
		switch {
		case !ok || e.Value != "":
			errs = append(errs, e.fail(e.KeyColumn, "%q: %w", e.Key, hostError(text, e.Value)))
		case except:
			list.Except = append(list.Except, prefixes...)
		default:
			list.Networks = append(list.Networks, prefixes...)
		}
	}
	return list, errors.Join(errs...)
}

// wildcardNetwork returns the network of the addresses that a pattern such as
// 192.0.2.* or 10.*.* matches, or "".
func wildcardNetwork(text string) string {
	octets := strings.Split(text, ".")
	fixed := slices.Index(octets, "*")
	if fixed < 1 || len(octets) > 4 {
		return ""
	}
	for i, octet := range octets {
		if n, err := strconv.ParseUint(octet, 10, 8); i < fixed && (err != nil || strconv.FormatUint(n, 10) != octet) || i >= fixed && octet != "*" {
			return ""
		}
	}
	return strings.Join(octets[:fixed], ".") + strings.Repeat(".0", 4-fixed) + "/" + strconv.Itoa(8*fixed)
}

// hostError says what is wrong with an entry, and what to write instead.
func hostError(text, value string) error {
	address, bits, ranged := strings.Cut(text, "/")
	network := wildcardNetwork(text)
	short := strings.Split(address, ".")
	switch {
	case value != "" || strings.HasSuffix(text, ","):
		return errOnePer
	case text == "*":
		return errEveryone
	case network != "":
		return fmt.Errorf("%w; write %s", errWildcard, network)
	case ranged && len(short) < 4 && wildcardNetwork(address+".*") != "":
		return fmt.Errorf("%w; write %s%s/%s", errBits, address, strings.Repeat(".0", 4-len(short)), bits)
	default:
		return errHost
	}
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
