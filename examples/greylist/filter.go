package main

import (
	"net/netip"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// Filter refuses for now the recipients that the list does not let pass.
// Clients that logged in, and those without an IP address, are not asked.
type Filter struct{ List *List }

// Name implements [framework.Filter].
func (Filter) Name() string { return "greylist" }

// Register implements [framework.Filter].
func (f Filter) Register(r *framework.Router) error {
	wait := framework.MustReply(451, "4.7.1", "greylisted, please try again in a few minutes")
	client, envelope := r.WantClient(), r.WantEnvelope()
	r.Use(middleware.When(middleware.Not(middleware.Authenticated())))
	r.OnRcpt(func(s *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		addr := client.Addr(s)
		if !addr.IsValid() || f.List.Pass(network(addr), envelope.Sender(s), e.Recipient()) {
			return framework.Continue, nil
		}
		return wait, nil
	})
	return nil
}

// network is what the servers of one sender have in common, who take turns.
func network(addr netip.Addr) netip.Prefix {
	bits := 24
	if addr = addr.Unmap(); addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr.WithZone(""), bits).Masked()
}
