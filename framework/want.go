package framework

import (
	"net/netip"

	"github.com/sluicemail/sluice/framework/internal/address"
)

// want registers that the lane wants data to be kept.
func (in *scope) want(kind wantKind, method string) {
	in.reg.mustBeOpen()
	in.lane.wants = append(in.lane.wants, wantSpec{kind: kind, by: asker{method, caller(), in.lane.name}})
}

// KeptClient returns the address and the name of a session's SMTP client, at every
// stage. [Router.WantClient] creates one. Like [Slot.Get], the methods panic for the
// zero KeptClient and for a session of another router.
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

// KeptHelo returns the name that an SMTP client gave with HELO or EHLO, at every
// stage. [Router.WantHelo] creates one. Like [Slot.Get], the method panics for the
// zero KeptHelo and for a session of another router.
type KeptHelo struct {
	reg          *registry
	ofMiddleware bool
}

// WantHelo keeps the name of the client's last HELO or EHLO. The MTA then sends the
// stage Helo and does not wait for an answer.
func (r *wants) WantHelo() KeptHelo {
	r.in.want(wantHelo, "WantHelo")
	return KeptHelo{reg: r.in.reg}
}

// WantHelo asks for the client's HELO name, as [Router.WantHelo] does.
func (rt *Route) WantHelo() KeptHelo {
	rt.scope.reg.mustBeOpen()
	by := rt.asker()
	by.method += "(WantHelo)"
	rt.scope.lane.wants = append(rt.scope.lane.wants, wantSpec{wantHelo, by, true})
	return KeptHelo{rt.scope.reg, true}
}

// Value returns the name, or "" before the first HELO. A client can give any name. If a
// handler of Connect calls it, the server logs a warning once.
func (k KeptHelo) Value(s *Session) string {
	s.mustOwn(k.reg, "WantHelo")
	if s.watch.stage == StageConnect && !k.ofMiddleware {
		journal{s}.wrongStage("KeptHelo.Value", "the client gives its name at the stage helo: read it there or later")
	}
	return s.smtp.helo
}

// KeptEnvelope returns a message's sender and recipients, from the stage Mail on.
// [Router.WantEnvelope] creates one. Before the end of the message, they are as the
// client sent them. The recipients are those accepted so far, and do not include the
// one that a handler of Rcpt is called for. At the end of the message, sender and
// recipients are as the filters mounted before left them. If a handler reads the sender
// before Mail, or the recipients before Rcpt, there are none, and the server logs a
// warning once. Like [Slot.Get], the methods
// panic for the zero KeptEnvelope and for a session of another router.
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
	readsPart(s, StageMail, "KeptEnvelope.Sender", "there is no sender before the stage mail: read it there or later")
	s.mustHave(theEnvelope)
	if sender := s.message.edits.sender; sender != "" {
		return address.Bare(sender)
	}
	return s.content.sender
}

// Recipients returns the accepted recipients without angle brackets. The caller may
// modify the slice.
func (k KeptEnvelope) Recipients(s *Session) []string {
	s.mustOwn(k.reg, "WantEnvelope")
	readsPart(s, StageRcpt, "KeptEnvelope.Recipients", "there are no recipients before the stage rcpt: read them at data or later")
	s.mustHave(theEnvelope)
	return s.message.edits.rcpts.list(s.content.recipients)
}

// readsPart logs that a part of the message is read before the message has reached the
// stage from which on the part has content. The client decides when it sends an unknown
// command, so a handler of Unknown makes no mistake.
func readsPart(s *Session, from Stage, call, reason string) {
	if s.watch.stage != StageUnknown && (!s.inMessage() || messageStage(s) < from) {
		journal{s}.wrongStage(call, reason)
	}
}

// messageStage returns the stage that the open message has reached. While content is
// replayed, that is the end of the message.
func messageStage(s *Session) Stage {
	if s.watch.stage.ofMessage() {
		return max(s.message.phase, s.watch.stage)
	}
	return s.message.phase
}
