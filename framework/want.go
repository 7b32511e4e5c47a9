package framework

import (
	"net/netip"
	"slices"
)

// want asks for something to be kept.
func (in *scope) want(kind wantKind, method string) {
	in.reg.mustBeOpen()
	in.lane.wants = append(in.lane.wants, wantSpec{kind, asker{method, caller(), in.lane.name}})
}

// KeptClient gives the SMTP client of a session, at every stage. [Router.WantClient]
// makes it. The methods of the zero KeptClient, and of one of another router, panic, as
// [Slot.Get] does.
type KeptClient struct{ reg *registry }

// WantClient keeps the SMTP client's address and name. The MTA then sends the stage
// Connect and does not wait for an answer.
func (r *wants) WantClient() KeptClient {
	r.in.want(wantClient, "WantClient")
	return KeptClient{r.in.reg}
}

// Addr returns the client's IP address, as [Connect.Addr] does.
func (k KeptClient) Addr(s *Session) netip.Addr {
	s.mustOwn(k.reg, "WantClient")
	return s.smtp.addr
}

// Host returns the client's name, as [Connect.Host] does.
func (k KeptClient) Host(s *Session) string {
	s.mustOwn(k.reg, "WantClient")
	return s.smtp.host
}

// KeptHelo gives the name that an SMTP client gave with HELO or EHLO, at every stage.
// [Router.WantHelo] makes it. The method of the zero KeptHelo, and of one of another
// router, panics, as [Slot.Get] does.
type KeptHelo struct{ reg *registry }

// WantHelo keeps the name of the client's last HELO or EHLO. The MTA then sends the
// stage Helo and does not wait for an answer.
func (r *wants) WantHelo() KeptHelo {
	r.in.want(wantHelo, "WantHelo")
	return KeptHelo{r.in.reg}
}

// WantHelo asks for the client's HELO name, as [Router.WantHelo] does.
func (rt *Route) WantHelo() KeptHelo {
	by := rt.asker()
	by.method += "(WantHelo)"
	rt.scope.lane.wants = append(rt.scope.lane.wants, wantSpec{wantHelo, by})
	return KeptHelo{rt.scope.reg}
}

// Value returns the name, or "" before the first HELO. A client can give any name.
func (k KeptHelo) Value(s *Session) string {
	s.mustOwn(k.reg, "WantHelo")
	return s.smtp.helo
}

// KeptEnvelope gives a message's sender and recipients, from the stage Mail on.
// [Router.WantEnvelope] makes it. Before the end of the message they are those of the
// client: the recipients that were accepted so far, without the one that a handler of
// Rcpt is called for. At the end of the message they are as the filters mounted before
// left them. The methods of the zero KeptEnvelope, and of one of another router, panic,
// as [Slot.Get] does.
type KeptEnvelope struct{ reg *registry }

// WantEnvelope keeps the sender and the accepted recipients of each message. The MTA
// then sends the stages Mail and Rcpt and does not wait for an answer.
func (r *wants) WantEnvelope() KeptEnvelope {
	r.in.want(wantEnvelope, "WantEnvelope")
	return KeptEnvelope{r.in.reg}
}

// Sender returns the envelope's sender without angle brackets.
func (k KeptEnvelope) Sender(s *Session) string {
	s.mustOwn(k.reg, "WantEnvelope")
	s.mustHave(theEnvelope)
	if sender := s.message.edits.sender; sender != "" {
		return unbracket(sender)
	}
	return s.content.sender
}

// Recipients returns the accepted recipients without angle brackets. The slice is the
// caller's.
func (k KeptEnvelope) Recipients(s *Session) []string {
	s.mustOwn(k.reg, "WantEnvelope")
	s.mustHave(theEnvelope)
	edits := &s.message.edits
	list := slices.DeleteFunc(slices.Clone(s.content.recipients), func(addr string) bool {
		return slices.ContainsFunc(edits.deleted, func(d string) bool { return unbracket(d) == addr })
	})
	for _, r := range edits.added {
		if addr := unbracket(r.addr); !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}
