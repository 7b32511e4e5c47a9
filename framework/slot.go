package framework

// Slot is a place for a filter's own state, of which every session has one. It
// is made with [PerMessage] or [PerConnection].
type Slot[T any] struct {
	reg   *registry
	index int
}

// Resetter may be implemented by *T to reuse memory: Reset is then called in
// place of zeroing the state. It must leave nothing of the last message.
type Resetter interface{ Reset() }

// cell is a slot's state in one session.
type cell interface{ reset() }

type cellOf[T any] struct{ value T }

func (c *cellOf[T]) reset() {
	if r, ok := any(&c.value).(Resetter); ok {
		r.Reset()
		return
	}
	var zero T
	c.value = zero
}

type slotSpec struct {
	perMessage bool
	make       func() cell
}

// PerMessage returns a slot whose state is zero at the begin of every message.
func PerMessage[T any](r *Router) Slot[T] { return newSlot[T](r, true) }

// PerConnection returns a slot whose state is zero at the begin of every SMTP
// session.
func PerConnection[T any](r *Router) Slot[T] { return newSlot[T](r, false) }

func newSlot[T any](r *Router, perMessage bool) Slot[T] {
	r.open()
	r.reg.slots = append(r.reg.slots, slotSpec{perMessage, func() cell { return new(cellOf[T]) }})
	return Slot[T]{r.reg, len(r.reg.slots) - 1}
}

// mustOwn panics when what is used was not made by the session's router. It is
// a mistake in the program that no message should get past.
func (s *Session) mustOwn(reg *registry, what string) {
	if reg != s.plan.reg {
		panic("framework: a " + what + " is used that this session's router did not make")
	}
}

// Get returns the session's state. The pointer must not be kept beyond the
// message or session that the slot is for. Get panics for the zero Slot and
// for a session of another router; the framework turns that into the lane's
// policy verdict.
func (sl Slot[T]) Get(s *Session) *T {
	s.mustOwn(sl.reg, "slot")
	return &s.cell(sl.index).(*cellOf[T]).value //nolint:forcetypeassert // the index is of a Slot[T]
}
