package dkim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Resolver looks up TXT records, the strings of each joined together, as
// [net.Resolver] does: an error that is a *net.DNSError with IsNotFound says
// that there are none, any other that it cannot be told now.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// nameServers asks several.
type nameServers []*net.Resolver

// NameServers returns a [Resolver] that asks name servers of these addresses,
// each with its port, such as "127.0.0.1:53". A server that does not answer, or
// cannot tell, is followed by the next one, and the last by the first, once: a
// packet may be lost. All of it ends with the context; one without a deadline
// gives 10 seconds.
func NameServers(addresses ...string) (Resolver, error) {
	if len(addresses) == 0 {
		return nil, errors.New("dkim: no name server")
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
		texts, err := ask(ctx, s[(2*len(s)-left)%len(s)], name, left)
		if err == nil || notFound(err) {
			return texts, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(append(errs, ctx.Err())...)
}

// ask asks a server, which has its share of the time.
func ask(ctx context.Context, r *net.Resolver, name string, shares int) ([]string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer cancel()
	}
	return r.LookupTXT(ctx, name)
}

// notFound reports whether the DNS has said that there is no record.
func notFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
