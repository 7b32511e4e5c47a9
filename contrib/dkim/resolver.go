package dkim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Resolver looks up the TXT records of a name and joins the strings of each
// record, as [net.Resolver] does. If there are no records, the error is a
// *net.DNSError with IsNotFound set. Any other error means that the lookup
// failed and may be repeated later.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// nameServers is a [Resolver] that queries several name servers.
type nameServers []*net.Resolver

// NameServers returns a [Resolver] that queries the name servers at the given
// addresses. Each address has a port, such as "127.0.0.1:53". If a server does
// not answer or fails, the resolver queries the next one. It queries each
// server up to twice, because a packet may be lost. The deadline of the context
// limits the time of a lookup. If the context has no deadline, the limit is 10
// seconds.
func NameServers(addresses ...string) (Resolver, error) {
	if len(addresses) == 0 {
		return nil, errors.New("dkim: no name servers")
	}
	var s nameServers
	for _, address := range addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("dkim: name server %q: want an address and a port", address)
		}
		var dialer net.Dialer
		s = append(s, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		}})
	}
	return s, nil
}

// LookupTXT implements [Resolver].
func (s nameServers) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
	}
	var errs []error
	for left := 2 * len(s); left > 0 && ctx.Err() == nil; left-- {
		texts, err := queryServer(ctx, s[(2*len(s)-left)%len(s)], name, left)
		if err == nil || notFound(err) {
			return texts, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(append(errs, ctx.Err())...)
}

// queryServer queries one server. The time limit is an equal share of the
// remaining time.
func queryServer(ctx context.Context, r *net.Resolver, name string, shares int) ([]string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer cancel()
	}
	return r.LookupTXT(ctx, name)
}

// notFound reports whether an error means that the name has no record.
func notFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
