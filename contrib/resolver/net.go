package resolver

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// NetResolver has the lookups and the errors of a [net.Resolver]. It is for libraries that
// are written for that type, such as those that check SPF: some look at an error with a type
// assertion to *[net.DNSError], and take any other type for a failure of another kind.
// [Resolver.Net] returns one. It is safe for concurrent use.
//
// The error of each method is a *[net.DNSError] itself, and [errors.Is] finds the kind in it,
// such as [ErrNXDomain]. If the context ends, IsTemporary is set, and errors.Is finds the
// cause of the context. Names in answers end in a dot. The caller may modify the slices.
//
// SPF libraries have limits of their own, and take the end of a [Budget] for a failure that
// is temporary: give them a budget that is wider than these limits, or none.
//
// It differs from net.Resolver in these points: a name is always complete, an address in
// place of a name is not its own answer, and there is no hosts file.
type NetResolver struct{ resolver *Resolver }

// Net returns a view of the resolver for libraries that want a [net.Resolver]. It shares the
// cache, the limits and the [Budget] of contexts.
func (r *Resolver) Net() *NetResolver { return &NetResolver{r} }

// LookupTXT returns the TXT records of a name, each with its strings joined.
func (n *NetResolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	texts, err := n.resolver.LookupTXT(ctx, name)
	if err != nil {
		return nil, netError(name, err)
	}
	return slices.Clone(texts), nil
}

// LookupMX returns the mail exchangers of a domain in the order of their preference. The host
// is "." for a domain that does not receive mail (RFC 7505).
func (n *NetResolver) LookupMX(ctx context.Context, domain string) ([]*net.MX, error) {
	found, err := n.resolver.LookupMX(ctx, domain)
	if err != nil {
		return nil, netError(domain, err)
	}
	list := make([]*net.MX, len(found))
	for i, mx := range found {
		list[i] = &net.MX{Host: mx.Host + ".", Pref: mx.Preference}
	}
	slices.SortStableFunc(list, func(a, b *net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
	return list, nil
}

// LookupIPAddr returns the addresses of a host: [NetResolver.LookupNetIP] for the network
// "ip".
func (n *NetResolver) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	found, err := n.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	list := make([]net.IPAddr, len(found))
	for i, addr := range found {
		list[i].IP = addr.AsSlice()
	}
	return list, nil
}

// LookupNetIP returns the addresses of a host. The network is "ip4", "ip6", or "ip" for both,
// which takes two lookups of a [Budget].
//
// If one of two lookups fails, so does the method, as with StrictErrors in [net.Resolver]:
// with half of the addresses, a check would refuse a host that has the other half. That a
// host has no addresses of one version is not a failure.
func (n *NetResolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	switch network {
	case "ip4":
		return n.addrs(ctx, host, TypeA)
	case "ip6":
		return n.addrs(ctx, host, TypeAAAA)
	case "ip":
		return n.bothAddrs(ctx, host)
	default:
		return nil, net.UnknownNetworkError(network)
	}
}

func (n *NetResolver) addrs(ctx context.Context, host string, t Type) ([]netip.Addr, error) {
	a, err := n.resolver.Lookup(ctx, host, t)
	if err != nil {
		return nil, netError(host, err)
	}
	return slices.Clone(a.Addrs), nil
}

// bothAddrs looks up the addresses of both versions at the same time.
func (n *NetResolver) bothAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	var v4, v6 []netip.Addr
	var err4, err6 error
	var lookup sync.WaitGroup
	lookup.Go(func() { v4, err4 = n.addrs(ctx, host, TypeA) })
	v6, err6 = n.addrs(ctx, host, TypeAAAA)
	lookup.Wait()
	switch addrs := append(v4, v6...); {
	case err4 != nil && !isNotFound(err4):
		return nil, err4
	case err6 != nil && !isNotFound(err6):
		return nil, err6
	case len(addrs) == 0:
		return nil, err4
	default:
		return addrs, nil
	}
}

func isNotFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// LookupAddr returns the names of an address. Anyone can give an address any name: look up
// the addresses of a name before you trust it.
func (n *NetResolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	parsed, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, netError(addr, newFailure(ErrName, addr, TypePTR, errors.New("not an address")))
	}
	found, err := n.resolver.LookupPTR(ctx, parsed)
	if err != nil {
		return nil, netError(addr, err)
	}
	names := make([]string, len(found))
	for i, name := range found {
		names[i] = name + "."
	}
	return names, nil
}

// netError returns the error of a lookup in the form of a [net.Resolver]. What is not a
// failure of the lookup is the end of its context.
func netError(name string, err error) *net.DNSError {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		timeout := errors.Is(err, context.DeadlineExceeded)
		return &net.DNSError{UnwrapErr: err, Err: err.Error(), Name: name, IsTimeout: timeout, IsTemporary: true}
	}
	dns := *f.dns
	dns.UnwrapErr = f.kind
	if f.detail != "" {
		dns.Err += ": " + f.detail
	}
	return &dns
}
