package dmarc_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// exploding is a DNS that panics.
type exploding struct{}

func (exploding) LookupTXT(context.Context, string) ([]string, error) {
	panic("the DNS explodes")
}

func (exploding) LookupA(context.Context, string) ([]netip.Addr, error) {
	panic("the DNS explodes")
}

// A panic in a lookup is one of the caller, whom the framework protects: the message does not
// pass, and the program goes on.
func TestPanicInLookup(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() {
		dmarc.Evaluate(t.Context(), exploding{}, dmarc.Input{AuthorDomains: []string{"a.example", "b.example"}})
	})
	f := filter(t, dmarc.Config{Resolver: exploding{}, Actions: dmarc.Actions{TempError: dmarc.TempFail}})
	sender, verifier := checkers(t, dns(t))
	r := framework.NewRouter()
	for _, f := range []framework.Filter{sender, verifier, f} {
		r.Mount(f)
	}
	miltertest.RunRouter(t, r, letter("ann@good.example")).AssertTempFailed(t)
}
