package framework

// hold is what a session has taken of the memory budget for one thing.
type hold struct{ used, taken int64 }

// What a field or a recipient costs beside its bytes.
const (
	fieldCost     = 128
	recipientCost = 16
)

// grow asks for n bytes more, and reports whether they were given. It takes
// more of the budget than that, which all sessions share, to ask it seldom.
func (s *Session) grow(h *hold, n int) bool {
	const step = 4 << 10
	used := h.used + int64(n)
	if used > h.taken {
		ample := used + used/4 + step
		switch memory := &s.store.Memory; {
		case memory.Take(ample - h.taken):
			h.taken = ample
		case memory.Take(used - h.taken):
			h.taken = used
		default:
			return false
		}
	}
	h.used = used
	return true
}

// giveBack returns what was taken.
func (s *Session) giveBack(h *hold) {
	if h.taken > 0 {
		s.store.Memory.Give(h.taken)
	}
	*h = hold{}
}
