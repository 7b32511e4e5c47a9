package miltertest

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// Run runs one message through the filter, on a connection of its own, and
// returns what came of it after the session has ended: all handlers have run,
// those for the end of the session too, and all that they log is in the result.
//
// A filter that cannot be registered, breaks the protocol, or hangs up ends the
// test; a message that it refuses does not.
func Run(t T, filter framework.Filter, msg *mta.Message, opts ...Option) *Result {
	t.Helper()
	return NewServer(t, filter, opts...).run(t, msg)
}

// RunRouter is [Run] for a whole router: several filters in their lanes, with
// the middleware around them. One router may be run any number of times.
func RunRouter(t T, r *framework.Router, msg *mta.Message, opts ...Option) *Result {
	t.Helper()
	return NewRouterServer(t, r, opts...).run(t, msg)
}

func (srv *Server) run(t T, msg *mta.Message) *Result {
	t.Helper()
	conn := srv.Dial(t)
	res := conn.Run(t, msg)
	_ = conn.Quit(t.Context()) // a filter may have hung up after its last word
	srv.Close(t)
	res.Transcript, res.Logs = conn.Transcript(), srv.Logs()
	return res
}

// FilterFunc returns a filter made of a function, for tests that need no type
// of their own.
func FilterFunc(name string, register func(*framework.Router) error) framework.Filter {
	return filterFunc{name, register}
}

type filterFunc struct {
	name     string
	register func(*framework.Router) error
}

// Name implements framework.Filter.
func (f filterFunc) Name() string { return f.name }

// Register implements framework.Filter.
func (f filterFunc) Register(r *framework.Router) error { return f.register(r) }
