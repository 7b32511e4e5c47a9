package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// address is an address in its parts.
type address struct {
	text string // the whole
	kind string // inet, inet6, unix, local or fd
	rest string // what follows the kind. Of a unix socket it has the options, too
	tls  bool
	tcpOptions
}

// tcpOptions are the options of a TCP socket.
type tcpOptions struct {
	cert, key, clientCA string
	balancers           []netip.Prefix // that send a PROXY header
}

// wraps reports whether connections need more than the socket: TLS or a PROXY header.
func (a *address) wraps() bool { return a.tls || a.balancers != nil }

const want = "want inet:PORT@HOST, inet6:PORT@HOST, unix:PATH or fd:NAME, or tls: before inet, inet6 or fd"

// parse parses an address. It does not look at the files that the address names.
func parse(text string) (*address, error) {
	a := &address{text: text}
	below, secure := strings.CutPrefix(text, "tls:")
	kind, rest, ok := strings.Cut(below, ":")
	if !ok || rest == "" {
		return nil, a.error(want)
	}
	a.kind, a.rest, a.tls = kind, rest, secure
	switch kind {
	case "inet", "inet6", "fd":
		return a, a.parseOptions()
	case "unix", "local":
		if secure {
			return nil, a.error("TLS is for TCP: a unix socket has a mode and an owner")
		}
		return a, nil
	}
	return nil, a.error("no such kind of address: " + kind)
}

// parseOptions cuts off the options of a TCP socket. The error names all mistakes.
func (a *address) parseOptions() error {
	rest, query, _ := strings.Cut(a.rest, "?")
	a.rest = rest
	var wrong []string
	if rest == "" {
		wrong = append(wrong, want)
	}
	given := make(map[string]bool)
	for opt := range strings.SplitSeq(query, "&") {
		if opt == "" {
			continue
		}
		key, value, _ := strings.Cut(opt, "=")
		err := a.set(key, value)
		if given[key] && err == nil {
			err = errors.New("it is there twice")
		}
		if given[key] = true; err != nil {
			wrong = append(wrong, "option "+key+": "+err.Error())
		}
	}
	if a.tls && (!given["cert"] || !given["key"]) {
		wrong = append(wrong, "tls: needs the options cert and key")
	}
	if len(wrong) > 0 {
		return a.error(strings.Join(wrong, "; "))
	}
	return nil
}

func (a *address) set(key, value string) (err error) {
	file := map[string]*string{"cert": &a.cert, "key": &a.key, "client_ca": &a.clientCA}[key]
	switch {
	case file == nil && key != "proxy":
		return errors.New("there is no such option")
	case value == "":
		return errors.New("it has no value")
	case file == nil:
		a.balancers, err = parseNetworks(value)
		return err
	case !a.tls:
		return errors.New("it is for an address with tls: before it")
	}
	*file = value
	return nil
}

// parseNetworks parses a list of networks and IP addresses.
func parseNetworks(list string) (networks []netip.Prefix, err error) {
	for text := range strings.SplitSeq(list, ",") {
		network, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || network.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is neither a network, such as 10.0.0.0/8, nor an IP address", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// hostPort returns the host and the port of a TCP address. The host may be empty, or a name.
func (a *address) hostPort() (host, port string, err error) {
	port = a.rest
	if p, h, ok := strings.Cut(a.rest, "@"); ok {
		host, port = strings.Trim(h, "[]"), p
	} else if h, p, err := net.SplitHostPort(a.rest); err == nil {
		host, port = h, p
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", a.error("the port is no number from 0 to 65535")
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil && strings.Trim(host, "0123456789.") != "" && !strings.Contains(host, ":"), host == "":
		return host, port, nil // a name, or every address
	case err != nil:
		return "", "", a.error(host + " is no IP address")
	case a.kind == "inet" && !addr.Unmap().Is4():
		return "", "", a.error(host + " is no IPv4 address")
	case a.kind == "inet6" && addr.Unmap().Is4():
		return "", "", a.error(host + " is no IPv6 address")
	}
	return host, port, nil
}

func (a *address) error(reason string) error {
	return fmt.Errorf("framework: address %q: %s", a.text, reason)
}

// fails returns an error that names the address, or nil.
func (a *address) fails(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("framework: address %q: %w", a.text, err)
}
