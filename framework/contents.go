package framework

import "github.com/sluicemail/sluice/wire"

// contents are parts of a message that a lane may not be able to do without.
type contents uint8

const (
	theEnvelope contents = 1 << iota // kept
	theHeader                        // kept
	theBody                          // kept
	theFields                        // shown one by one
)

// String implements fmt.Stringer.
func (c contents) String() string {
	switch {
	case c&theEnvelope != 0:
		return "envelope"
	case c&theBody != 0:
		return "body"
	default:
		return "header"
	}
}

// contents returns what a lane cannot do without, given what the lanes before
// it may modify, and whether any lane is shown fields: what it changes may be a
// handle that another lane took.
func (l *lanePlan) contents(spec *laneSpec, before wire.Actions, shown bool) (c contents) {
	fields := len(l.routes[StageHeader]) > 0
	if fields {
		c |= theFields
	}
	if l.deferred && fields || needsBook(spec, before) || shown && spec.actions().Has(wire.ActionChgHdrs) {
		c |= theHeader
	}
	if l.deferred && len(l.routes[StageBody]) > 0 || spec.wants(wantBody) {
		c |= theBody
	}
	if spec.wants(wantEnvelope) {
		c |= theEnvelope
	}
	return c
}

// kept is what is known of the keeping of the message under way.
type kept struct {
	header   hold
	envelope hold
	fields   int      // of the header, shown so far
	bytes    int      // in them
	lost     contents // not kept any more: no lane that goes on asked for it
}

// keeps reports whether a part of the message is to be kept.
func (s *Session) keeps(planned bool, what contents) bool {
	return planned && s.kept.lost&what == 0 && !s.pending.ends()
}

// recorded reports whether the ledger has the whole header.
func (s *Session) recorded() bool { return s.plan.record && s.kept.lost&theHeader == 0 }

// mustHave panics when a handler asks for what is not there, because the lanes
// that asked for it to be kept were left out of the message. It was told of by
// another lane, and is not to take nothing for an answer.
func (s *Session) mustHave(what contents) {
	if s.kept.lost&what != 0 {
		panic(errNotKept)
	}
}

// keepSender keeps the envelope's sender.
func (s *Session) keepSender(addr string) {
	if !s.grow(&s.kept.envelope, len(addr)) {
		s.doWithout(StageMail, theEnvelope, s.noRoom(nil))
		return
	}
	s.envelope.sender = addr
}

// keepRecipient keeps a recipient, or returns what refuses it.
func (s *Session) keepRecipient(addr string) Verdict {
	if most := s.link.cfg.MaxRecipients; len(s.envelope.rcpts) >= most {
		return s.doWithout(StageRcpt, theEnvelope, s.tooManyRecipients())
	}
	if !s.grow(&s.kept.envelope, len(addr)+recipientCost) {
		return s.doWithout(StageRcpt, theEnvelope, s.noRoom(nil))
	}
	s.envelope.rcpts = append(s.envelope.rcpts, addr)
	return Continue
}

// keepField counts a field of the header, and keeps it where the header is
// kept.
func (s *Session) keepField(e *Header) {
	k, cfg, size := &s.kept, s.link.cfg, len(e.msg.Name)+len(e.msg.Value)
	k.fields++
	k.bytes += size
	switch {
	case k.lost&theFields != 0 || s.pending.ends():
	case k.fields > cfg.MaxHeaders:
		s.doWithout(StageHeader, theHeader|theFields, s.tooLarge(theHeader, "MaxHeaders", int64(cfg.MaxHeaders)))
	case k.bytes > cfg.MaxHeaderBytes:
		s.doWithout(StageHeader, theHeader|theFields, s.tooLarge(theHeader, "MaxHeaderBytes", int64(cfg.MaxHeaderBytes)))
	case !s.recorded():
	case !s.grow(&k.header, size+fieldCost):
		s.doWithout(StageHeader, theHeader, s.noRoom(nil))
	default:
		e.id = s.book.Show(e.msg.Name, e.msg.Value)
	}
}

// lose forgets a part of the message that nobody needs any more.
func (s *Session) lose(what contents) {
	s.kept.lost |= what
	if what&theHeader != 0 {
		s.book.Reset()
		s.book.Watched = false
		s.giveBack(&s.kept.header)
	}
	if what&theEnvelope != 0 {
		s.envelope = keptEnvelope{}
		s.giveBack(&s.kept.envelope)
	}
	if what&theBody != 0 {
		s.warnClosing(s.body.Reset())
	}
}

// unkeep gives back all that was taken for the message.
func (s *Session) unkeep() {
	s.book.Reset()
	s.book.Watched = s.plan.record
	clear(s.envelope.rcpts)
	s.envelope = keptEnvelope{rcpts: s.envelope.rcpts[:0]}
	s.giveBack(&s.kept.header)
	s.giveBack(&s.kept.envelope)
	s.kept = kept{}
	s.warnClosing(s.body.Reset())
}
