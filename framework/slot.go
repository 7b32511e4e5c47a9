package framework

// Slot is a place for a filter's own state, of which every session has one. It
// is made with [PerMessage] or [PerConnection].
type Slot[T any] struct {
	reg   *registry
	index int
}

// PerMessage returns a slot whose state is zero at the start of every message.
// A filter makes it on its [Router], a middleware on the [Route] that it wraps:
//
//	seen := framework.PerMessage[state](r)
//
// A middleware is called for every route. [OncePerFilter] gives all routes of one
// filter the same slot, and [OncePerRouter] gives all routes of a router the
// same one:
//
//	func Count() framework.Middleware {
//		slot := framework.OncePerFilter(framework.PerMessage[int])
//		return func(rt *framework.Route, next framework.Handler) framework.Handler {
//			events := slot(rt)
//			return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
//				*events.Get(s)++
//				return next(s, ev)
//			}
//		}
//	}
//
// If *T has a method ResetSlot(), the framework calls it after every message
// instead of storing the zero T, so that the state can keep its memory or give
// back what it took. It may be called at other times too and must be idempotent.
// It must leave nothing of the last message behind.
func PerMessage[T any, At interface{ *Router | *Route }](at At) Slot[T] {
	return newSlot[T](registryOf(at), true)
}

// PerConnection is like [PerMessage] for state that lasts for one SMTP session:
// it is zero, or ResetSlot was called, at the start of each.
func PerConnection[T any, At interface{ *Router | *Route }](at At) Slot[T] {
	return newSlot[T](registryOf(at), false)
}

func registryOf(at any) *registry {
	if rt, ok := at.(*Route); ok {
		return rt.router.reg
	}
	return at.(*Router).reg //nolint:forcetypeassert // the constraint has these two types
}

func newSlot[T any](reg *registry, perMessage bool) Slot[T] {
	reg.mustBeOpen()
	reg.slots = append(reg.slots, slotSpec{perMessage, func() slotValue { return new(slotOf[T]) }})
	return Slot[T]{reg, len(reg.slots) - 1}
}

// slotSpec is a slot as it was registered.
type slotSpec struct {
	perMessage bool
	make       func() slotValue
}

// slotValue is a slot's state in one session.
type slotValue interface{ reset() }

type slotOf[T any] struct{ value T }

func (v *slotOf[T]) reset() {
	if r, ok := any(&v.value).(interface{ ResetSlot() }); ok {
		r.ResetSlot()
		return
	}
	var zero T
	v.value = zero
}

// mustOwn panics if a handle belongs to another router than the session's. That
// is a mistake in the program which must not pass unnoticed.
func (s *Session) mustOwn(reg *registry, what string) {
	if reg != s.plan.reg {
		panic("framework: a " + what + " is used that this session's router did not make")
	}
}

// Get returns the session's state. The pointer must not be retained beyond the
// message or the session that the slot is for. Get panics for the zero Slot and
// for a session of another router; the framework turns the panic into the
// filter's policy verdict.
func (sl Slot[T]) Get(s *Session) *T {
	s.mustOwn(sl.reg, "slot")
	return &s.cell(sl.index).(*slotOf[T]).value //nolint:forcetypeassert // the index is of a Slot[T]
}
