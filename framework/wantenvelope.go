package framework

import "slices"

// KeptEnvelope gives a message's sender and recipients, from the stage Mail on. It
// is made with [Router.WantEnvelope]. Before the end of the message they are the
// client's, the recipients those that were taken so far without the one under
// way; at the end they are as the filters mounted before left them. The methods of the zero KeptEnvelope, and of one of
// another router, panic, as [Slot.Get] does.
type KeptEnvelope struct{ reg *registry }

// WantEnvelope keeps the sender and the accepted recipients of each message.
// It opens the stages Mail and Rcpt, and costs no answer.
func (r *Router) WantEnvelope() KeptEnvelope {
	r.want(wantEnvelope, "WantEnvelope")
	return KeptEnvelope{r.reg}
}

// Sender returns the envelope's sender without angle brackets.
func (e KeptEnvelope) Sender(s *Session) string {
	s.mustOwn(e.reg, "WantEnvelope")
	s.mustHave(theEnvelope)
	if s.edits.sender != "" {
		return string(unbracket([]byte(s.edits.sender)))
	}
	return s.envelope.sender
}

// Recipients returns the recipients that were taken so far, without angle
// brackets. The slice is the caller's.
func (e KeptEnvelope) Recipients(s *Session) []string {
	s.mustOwn(e.reg, "WantEnvelope")
	s.mustHave(theEnvelope)
	list := slices.DeleteFunc(slices.Clone(s.envelope.rcpts), func(addr string) bool {
		return slices.ContainsFunc(s.edits.deleted, func(d string) bool { return bareAddr(d) == addr })
	})
	for _, r := range s.edits.added {
		if addr := bareAddr(r.addr); !slices.Contains(list, addr) {
			list = append(list, addr)
		}
	}
	return list
}

func bareAddr(addr string) string { return string(unbracket([]byte(addr))) }
