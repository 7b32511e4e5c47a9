package framework

// PerMessageOn returns where a middleware keeps state of its own, zero at the
// begin of every message: a function that gives all routes of one lane the same
// slot, each lane another one. It is called once for each middleware that is
// made, and its result once for each route:
//
//	func Count() framework.Middleware {
//		slot := framework.PerMessageOn[int]()
//		return func(rt *framework.Route, next framework.Handler) framework.Handler {
//			events := slot(rt)
//			return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
//				*events.Get(s)++
//				return next(s, ev)
//			}
//		}
//	}
//
// A state with a method Reset (see [Resetter]) is told of the end of every
// message, however that came about: it is where to give back what was taken for
// the message. It is told at other times too, so that it must not mind.
func PerMessageOn[T any]() func(rt *Route) Slot[T] { return slotsOn[T](true, laneOf) }

// PerConnectionOn is [PerMessageOn] for state that is zero at the begin of
// every SMTP session.
func PerConnectionOn[T any]() func(rt *Route) Slot[T] { return slotsOn[T](false, laneOf) }

// PerMessageShared is [PerMessageOn] for state that all lanes share, and not
// only the routes of one.
func PerMessageShared[T any]() func(rt *Route) Slot[T] { return slotsOn[T](true, treeOf) }

// PerConnectionShared is [PerMessageShared] for state that is zero at the begin
// of every SMTP session.
func PerConnectionShared[T any]() func(rt *Route) Slot[T] { return slotsOn[T](false, treeOf) }

func slotsOn[T any](perMessage bool, owner func(rt *Route) any) func(rt *Route) Slot[T] {
	return once(owner, func(rt *Route) Slot[T] { return newSlot[T](rt.router, perMessage) })
}

// Mistake reports that the middleware cannot stand where it does: [Router.Plan]
// then returns the reason, with the file and line of the handler's registration.
func (rt *Route) Mistake(reason string) {
	rt.router.reg.mistakes = append(rt.router.reg.mistakes, &RegistrationError{
		Where: rt.spec.where, Filter: rt.Filter(), Reason: rt.asker() + ": " + reason,
	})
}
