package miltertest

import (
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire/mta"
)

// Run sends one message through the filter on a new connection and returns the
// result after the session has ended. By then all handlers have run, including
// those for the end of the session, and the result contains everything that
// they logged.
//
// Run ends the test if the filter cannot be registered, violates the protocol,
// or closes the connection. It does not end the test if the filter refuses the
// message.
func Run(t T, filter framework.Filter, msg *mta.Message, opts ...Option) *Result {
	t.Helper()
	return runOnce(t, NewServer(t, filter, opts...), msg)
}

// RunRouter is like [Run], but runs a whole router: several filters in their
// lanes and the middleware around them. The same router may be run any number
// of times.
func RunRouter(t T, r *framework.Router, msg *mta.Message, opts ...Option) *Result {
	t.Helper()
	return runOnce(t, NewRouterServer(t, r, opts...), msg)
}

func runOnce(t T, srv *Server, msg *mta.Message) *Result {
	t.Helper()
	conn := srv.Dial(t)
	res := conn.Run(t, msg)
	_ = conn.Quit(t.Context()) // fails if the filter closed the connection after its final reply
	srv.Close(t)
	res.Transcript, res.Logs = conn.Transcript(), srv.Logs()
	return res
}

// FilterFunc returns a filter with the given name that calls register to
// register its handlers. It is for tests that need no filter type.
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
