package fxcli

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/examples/internal/monitor"
)

// claim is what a program needs for one of its addresses. The second of two that overlap cannot be
// opened.
type claim struct {
	what   string // as errors name it
	text   string // of an address that is not TCP
	addr   netip.Addr
	host   string // a name, or "" for addr
	port   string
	v4, v6 bool
}

// ofListen returns the claim of an address in the form of framework.Listen, which is a right one.
func ofListen(address string) claim {
	below := strings.TrimPrefix(address, "tls:")
	kind, rest, _ := strings.Cut(below, ":")
	rest, _, _ = strings.Cut(rest, "?")
	c := claim{what: "listen " + address}
	switch kind {
	case "inet", "inet6":
	case "fd":
		c.text = "fd:" + rest
		return c
	default:
		c.text = filepath.Clean(rest)
		return c
	}
	host, port := "", rest
	if p, h, ok := strings.Cut(rest, "@"); ok {
		host, port = strings.Trim(h, "[]"), p
	} else if h, p, err := net.SplitHostPort(rest); err == nil {
		host, port = h, p
	}
	return c.at(host, port, kind == "inet", kind == "inet6")
}

// ofHostPort returns the claim of HOST:PORT, and false for another form.
func ofHostPort(what, address string) (claim, bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return claim{}, false
	}
	return claim{what: what + " " + address}.at(host, port, true, true), true
}

// at returns the claim for a host and a port of families.
func (c claim) at(host, port string, v4, v6 bool) claim {
	c.port, c.v4, c.v6 = strings.TrimLeft(port, "0"), v4, v6
	if host == "localhost" && v4 {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "":
		c.addr = netip.IPv6Unspecified()
	case err != nil:
		c.host = host
	case addr.IsUnspecified():
		c.addr = netip.IPv6Unspecified()
	default:
		c.addr = addr.Unmap()
		c.v4, c.v6 = c.addr.Is4(), !c.addr.Is4()
	}
	return c
}

// overlaps reports whether two claims are certainly for the same socket.
func (c claim) overlaps(other claim) bool {
	if c.text != "" || other.text != "" {
		return c.text == other.text
	}
	everywhere := c.host == "" && c.addr.IsUnspecified() || other.host == "" && other.addr.IsUnspecified()
	return c.port != "" && c.port == other.port && (c.v4 && other.v4 || c.v6 && other.v6) &&
		(everywhere || c.host == other.host && c.addr == other.addr)
}

// overlap returns an error if a claim overlaps one of others.
func (c claim) overlap(others []claim) error {
	for _, other := range others {
		if c.overlaps(other) {
			return fmt.Errorf("%s and %s are the same address", other.what, c.what)
		}
	}
	return nil
}

// apart returns an error if the addresses of metrics and of the inspector overlap others.
func apart(s Settings, metrics monitor.Address, shown inspecting.Settings) error {
	var claims []claim
	for _, address := range s.Listen {
		claims = append(claims, ofListen(address))
	}
	var errs []error
	for _, one := range []struct{ what, address string }{{"metrics", string(metrics)}, {"inspect", shown.Address}} {
		if c, ok := ofHostPort(one.what, one.address); ok {
			errs = append(errs, c.overlap(claims))
			claims = append(claims, c)
		}
	}
	return errors.Join(errs...)
}
