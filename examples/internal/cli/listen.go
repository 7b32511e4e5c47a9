package cli

import (
	"errors"
	"flag"
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// DefaultListen is the default address of the example filters. It accepts
// connections from this host only.
const DefaultListen = "inet:9000@127.0.0.1"

// ListenUsage is the usage of the flag -listen, for one address. It is short, so that
// the help of each program fits on a screen.
const ListenUsage = "listen on `address`: inet:PORT@HOST, inet:PORT (every address), inet6:PORT@HOST, " +
	"tls:inet:..., unix:PATH or fd:NAME (default " + DefaultListen + ")"

// CheckAddress returns an error if a value of -listen does not begin with a
// known kind of address, so that it is reported as a wrong argument. Binding the
// address finds all other mistakes.
func CheckAddress(value string) error {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(value, "tls:"), ":")
	if rest == "" || !slices.Contains([]string{"inet", "inet6", "unix", "local", "fd"}, kind) {
		return errors.New("want inet:PORT@HOST, inet6:PORT@HOST, unix:PATH or fd:NAME, or tls: before inet, inet6 or fd")
	}
	return nil
}

// Networks holds the values of the flag -allow: the networks from which mail
// servers may connect over TCP. None means all networks.
type Networks []netip.Prefix

// AddFlag adds the flag to a flag set.
func (n *Networks) AddFlag(fs *flag.FlagSet) {
	fs.Func("allow", "accept TCP from this `network` only; may be repeated", n.add)
}

func (n *Networks) add(value string) error {
	prefix, err := netip.ParsePrefix(value)
	if addr, addrErr := netip.ParseAddr(value); addrErr == nil {
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil {
		return errors.New("want an IP address or a network such as 192.0.2.0/24")
	}
	*n = append(*n, prefix.Masked())
	return nil
}

// Admission returns the limits that the flag sets.
func (n *Networks) Admission() framework.Admission { return framework.Admission{Networks: *n} }
