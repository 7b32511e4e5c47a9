package filter

import (
	"net/netip"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
)

// Filter temporarily refuses the recipients that the list does not let pass. It
// ignores clients that logged in and clients without an IP address.
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

// network returns the /24 or, for IPv6, the /64 network of an address. The mail
// servers of a sender, any of which may try again, often share such a network.
func network(addr netip.Addr) netip.Prefix {
	bits := 24
	if addr = addr.Unmap(); addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr.WithZone(""), bits).Masked()
}
