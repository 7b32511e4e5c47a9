package framework

import (
	"net/netip"

	"github.com/sluicemail/sluice/wire"
)

// KeptClient gives the SMTP client of a session, at every stage. It is made with
// [Router.WantClient]. The methods of the zero KeptClient, and of one of another
// router, panic, as [Slot.Get] does.
type KeptClient struct{ reg *registry }

// WantClient keeps the SMTP client's address and name. It opens the stage
// Connect, and costs no answer.
func (r *Router) WantClient() KeptClient {
	r.want(wantClient, "WantClient")
	return KeptClient{r.reg}
}

// Addr returns the client's IP address, as [Connect.Addr] does.
func (c KeptClient) Addr(s *Session) netip.Addr {
	s.mustOwn(c.reg, "WantClient")
	return s.client.addr
}

// Host returns the client's name, as [Connect.Host] does.
func (c KeptClient) Host(s *Session) string {
	s.mustOwn(c.reg, "WantClient")
	return s.client.host
}

// keptClient is what a session keeps of its client.
type keptClient struct {
	host string
	addr netip.Addr
	helo string
}

func (s *Session) keepClient(msg *wire.Connect) {
	if s.plan.client {
		s.client.host, s.client.addr = string(msg.Host), msg.Addr()
	}
}
