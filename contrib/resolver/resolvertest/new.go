package resolvertest

import (
	"context"
	"net"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// T is what the package needs of a *[testing.T], or of the stand-in for Examples in package
// miltertest.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
	Cleanup(fn func())
}

// check ends the test if there is an error.
func check(t T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%v", err)
		t.FailNow()
	}
}

// New returns a resolver for a zone. No packet leaves the process, and nothing has to be
// closed. A mistake in the zone ends the test.
func New(t T, text string, opts ...Option) *resolver.Resolver {
	t.Helper()
	return NewConfig(t, resolver.Config{}, text, opts...)
}

// NewConfig does what [New] does, with limits and times of a resolver. It sets Servers and
// Dial.
func NewConfig(t T, cfg resolver.Config, text string, opts ...Option) *resolver.Resolver {
	t.Helper()
	z, err := parse(text, opts...)
	check(t, err)
	cfg.Servers = []string{"192.0.2.53:53"} // of a network for documents
	cfg.Dial = func(_ context.Context, network, _ string) (net.Conn, error) { return newConn(z, network), nil }
	r, err := resolver.New(cfg)
	check(t, err)
	return r
}
