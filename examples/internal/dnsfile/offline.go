package dnsfile

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// What a replay of recorded mail says about names, with and without the DNS.
const (
	OnlineSays  = "Names are looked up now, so answers may differ from those at the time of the mail. -offline looks up none."
	OfflineSays = "No name is looked up. A message for which the filters need one is not compared."
)

// Offline is a resolver that queries no server: each lookup fails. It notes whether there was
// any.
type Offline struct {
	*resolver.Resolver

	lookups atomic.Int64
}

// NewOffline returns a resolver that queries no server.
func NewOffline() (*Offline, error) {
	o := new(Offline)
	r, err := resolver.New(resolver.Config{
		Servers: []string{"127.0.0.1:53"}, // never reached
		Dial:    func(context.Context, string, string) (net.Conn, error) { return nil, errOffline },
		Observe: func(resolver.Lookup) { o.lookups.Add(1) },
	})
	o.Resolver = r
	return o, err
}

var errOffline = errors.New("no lookups offline")

// Check returns why a result must not be used, if there was a lookup since the last call.
func (o *Offline) Check() string {
	if o.lookups.Swap(0) == 0 {
		return ""
	}
	return "the filters look up a name, which -offline does not do"
}
