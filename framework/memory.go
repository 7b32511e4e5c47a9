package framework

// Memory counts what a filter itself keeps of messages, such as copies of header fields
// in a slot, against Config.MemoryBudget. [Router.WantMemory] creates one. Like
// [Slot.Get], the method panics for the zero Memory and for a session of another router.
type Memory struct{ reg *registry }

// WantMemory returns a handle with which the filter's handlers count the memory that
// they keep. It asks nothing of the MTA:
//
//	memory := r.WantMemory()
//	lines := framework.PerMessage[[]string](r)
//	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
//		line := h.Name() + ":" + h.Value()
//		if err := memory.Reserve(s, len(line)+32); err != nil {
//			return err
//		}
//		*lines.Get(s) = append(*lines.Get(s), line)
//		return nil
//	})
//
// A filter needs it if a client decides how much the filter keeps. What the framework
// keeps for a filter, such as the header of [Router.WantHeaders], is counted anyway.
func (r *wants) WantMemory() Memory {
	r.in.reg.mustBeOpen()
	return Memory{r.in.reg}
}

// Reserve counts n more bytes: of the open message until the message ends, at Helo until
// the client sends the next HELO, and otherwise, outside of a message, until the SMTP session
// ends. The framework then releases them. So reserve at Helo only for what the next HELO
// replaces. A client can repeat an unknown command: reserve for a session once. n should include
// what a slice or a map takes besides the bytes of a string: half as much again as the
// size of an element, because the capacity grows ahead.
//
// If the budget has fewer than n bytes left, Reserve counts none and returns
// [ErrNoMemory]. The handler should return this error. The message, or at Rcpt the
// recipient, is then refused with 452 4.3.1, at this stage or at the next one that
// answers. A filter mounted with [FailOpen] or [DryRun] is left out of the message
// instead. Reserve panics if n is negative.
func (m Memory) Reserve(s *Session, n int) error {
	s.mustOwn(m.reg, "WantMemory")
	if n < 0 {
		panic("framework: Memory.Reserve of a negative number of bytes")
	}
	r := &s.memory.session
	switch {
	case s.inMessage():
		r = &s.content.filters
	case s.watch.stage == StageHelo:
		r = &s.memory.helo
	}
	if !s.content.reserve(r, n) {
		return ErrNoMemory
	}
	return nil
}
