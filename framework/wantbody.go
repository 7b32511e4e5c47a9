package framework

import "io"

// KeptBody gives a message's body as a whole, at its end. It is made with
// [Router.WantBody]. The methods of the zero KeptBody, and of one of another
// router, panic, as [Slot.Get] does.
type KeptBody struct{ reg *registry }

// WantBody keeps the body of each message until its end: in memory up to
// Config.SpoolMemory, in a temporary file from there on, and at most
// Config.MaxSpool bytes, beyond which the message is refused with 552; where
// there is no room for it, see Config.MemoryBudget and Config.DiskBudget, with
// 452. A filter mounted with [FailOpen] is left out of the message instead. It
// opens the stage Body, and costs no answer.
//
// A filter that can look at the body piece by piece does better with
// [Router.ObserveBody], which keeps nothing.
func (r *Router) WantBody() KeptBody {
	r.want(wantBody, "WantBody")
	return KeptBody{r.reg}
}

// Reader returns a reader over the body as the filters mounted before left it,
// lines ended by CRLF. It may be called at the end of the message, any number of
// times; before that the reader is empty. The readers are valid until the
// handler returns.
func (c KeptBody) Reader(s *Session) io.Reader {
	s.mustOwn(c.reg, "WantBody")
	if s.phase != StageEndOfMessage {
		return io.MultiReader()
	}
	s.mustHave(theBody)
	return s.keptBody()
}

// Size returns the length of that body in bytes, 0 before the end of the
// message.
func (c KeptBody) Size(s *Session) int64 {
	s.mustOwn(c.reg, "WantBody")
	s.mustHave(theBody)
	switch b := &s.edits.body; {
	case s.phase != StageEndOfMessage:
		return 0
	case b.replaced && !b.kept:
		return int64(len(b.bytes))
	default:
		return s.body.Size()
	}
}
