package framework

// Slot holds state of a filter or a middleware, separately for every session.
// [PerMessage] and [PerConnection] create slots.
type Slot[T any] struct {
	reg      *registry
	index    int
	messages bool // it is of a filter and for messages; middleware may use its slots at any stage
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
// instead of storing the zero T, so that the state can keep its memory or
// release resources. It may be called at other times too and must be idempotent.
// It must leave nothing of the last message behind. It has the time limit of a
// handler.
func PerMessage[T any, At interface{ *Router | *Route }](at At) Slot[T] {
	sl := newSlot[T](registryOf(at), true)
	_, sl.messages = any(at).(*Router)
	return sl
}

// PerConnection is like [PerMessage], but the state lasts for one SMTP session.
// At the start of each session the state is zero, or ResetSlot has been called.
func PerConnection[T any, At interface{ *Router | *Route }](at At) Slot[T] {
	return newSlot[T](registryOf(at), false)
}

func registryOf(at any) *registry {
	if rt, ok := at.(*Route); ok {
		return rt.scope.reg
	}
	return at.(*Router).reg //nolint:forcetypeassert // the constraint has these two types
}

func newSlot[T any](reg *registry, perMessage bool) Slot[T] {
	reg.mustBeOpen()
	reg.slots = append(reg.slots, slotSpec{perMessage, func() slotValue { return new(slotOf[T]) }})
	return Slot[T]{reg: reg, index: len(reg.slots) - 1}
}

// slotOf implements slotValue.
type slotOf[T any] struct{ value T }

func (v *slotOf[T]) reset() {
	if r, ok := any(&v.value).(interface{ ResetSlot() }); ok {
		r.ResetSlot()
		return
	}
	var zero T
	v.value = zero
}

// Get returns the session's state. The pointer must not be retained beyond the
// message or the session that the slot is for. If a filter uses a slot of
// [PerMessage] outside of a message, such as at Connect, the state is lost when the
// message begins, and the server logs a warning once. Get panics for the zero Slot
// and for a session of another router; the framework turns the panic into the
// filter's policy verdict.
func (sl Slot[T]) Get(s *Session) *T {
	s.mustOwn(sl.reg, "slot")
	if sl.messages && !s.inMessage() && s.watch.stage != StageUnknown {
		journal{s}.wrongStage("Slot.Get of PerMessage", "no message is open, and the state is reset when one begins: use PerConnection")
	}
	return &s.slots.get(sl.index).(*slotOf[T]).value //nolint:forcetypeassert // the index is of a Slot[T]
}

// slotValues holds the states of a session's slots. Each is created at its
// first use.
type slotValues struct {
	specs  []slotSpec
	values []slotValue
}

func (v *slotValues) get(i int) slotValue {
	if v.values == nil {
		v.values = make([]slotValue, len(v.specs))
	}
	if v.values[i] == nil {
		v.values[i] = v.specs[i].make()
	}
	return v.values[i]
}

// reset resets the states of the message or of the session. If a filter's ResetSlot
// panics, reset drops the state, and the next use creates a new one. In both cases
// nothing of the last message remains, and the connection stays open. reset passes
// the panic to failed.
func (v *slotValues) reset(perMessage bool, failed func(state slotValue, err error)) {
	for i, value := range v.values {
		if value == nil || v.specs[i].perMessage != perMessage {
			continue
		}
		if err := resetSlot(value); err != nil {
			v.values[i] = nil
			failed(value, err)
		}
	}
}

func resetSlot(value slotValue) (err error) {
	defer contain(&err)
	value.reset()
	return nil
}
