package miltertest

import (
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Conn is the MTA's end of a connection to a [Server]. It has all that
// [mta.Conn] has, for tests that go stage by stage, and is for one goroutine.
type Conn struct {
	*mta.Conn
	srv   *Server
	trace transcript
}

func newConn(srv *Server, cfg mta.Config) *Conn {
	c := &Conn{srv: srv}
	traced := wire.NewTracer(&c.trace).Conn(srv.DialRaw(), wire.MTASide)
	c.Conn = mta.NewConn(traced, cfg)
	return c
}

// Run sends a message, as [mta.Conn.Send] does, and returns what came of it. A
// filter that breaks the protocol or hangs up ends the test. The transcript and
// the logs of the result are those of this message; a server with other
// connections mixes what is logged about theirs with it.
func (c *Conn) Run(t T, msg *mta.Message) *Result {
	t.Helper()
	said, logged := c.trace.len(), c.srv.journal.len()
	out, err := c.Send(t.Context(), msg)
	require.NoError(t, err, "miltertest: the filter failed")
	_ = c.Flush(t.Context()) // an ABORT may wait, and the filter may have hung up
	negotiated, _ := c.Negotiated()
	return &Result{
		Outcome: *out, Message: msg, Negotiated: negotiated,
		Transcript: c.trace.since(said), Logs: c.srv.journal.since(logged),
	}
}

// Transcript returns what went over the connection so far, a line for each
// message: see [wire.Tracer]. It is the same from run to run, unless the filter
// or its timing is not.
func (c *Conn) Transcript() string { return c.trace.since(0) }

// transcript is a buffer that may be read while it is written.
type transcript struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write implements io.Writer.
func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *transcript) since(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()[n:]
}

func (t *transcript) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Len()
}
