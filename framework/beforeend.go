package framework

// BeforeEndOfMessage registers a handler that runs when the message is complete, before
// the first handler of [Router.OnEndOfMessage] of any filter. Those of all filters run
// first, in the order of the filters. It is the place to start what needs the whole
// message and takes long, so that filters wait for each other's work once, and not one
// after the other: see [Async].
//
// Unlike a handler of OnEndOfMessage, it sees the message as the MTA sent it. The readers
// of [Router.WantBody], [Router.WantHeaders] and [Router.WantEnvelope] show the original,
// whatever the filters mounted before will modify. A reader that the handler takes is valid
// until the message ends, so that a function of Async may read the whole message from it: see
// [KeptBody.Reader]. A filter whose handlers of header and body are called at the end of the
// message (see [Router.Mount]) has not been called with them yet. What the handler asks to
// modify is done when the filter's turn comes.
//
// An error is treated as one of [StageEndOfMessage], which is the stage that middleware
// around the handler is told. A handler asks nothing of the MTA, because every MTA sends
// the end of the message.
func (r *handlers) BeforeEndOfMessage(fn func(*Session) error) {
	route := &routeSpec{stage: StageEndOfMessage, method: "BeforeEndOfMessage", answers: true, before: true}
	if fn != nil {
		route.handler = func(s *Session, _ Event) (Verdict, error) { return Continue, fn(s) }
	}
	r.in.register(route)
}
