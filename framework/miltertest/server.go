package miltertest

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/poison"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Server serves filters to MTAs over connections in memory. Its methods are
// safe for concurrent use, except that a method that takes a T must be called
// from the goroutine of that test.
type Server struct {
	milter   *framework.Server
	settings settings
	journal  journal
	tracker  *tracker

	mu     sync.Mutex
	conns  []net.Conn // the MTAs' ends
	traces []*Conn
	closed bool
}

// NewServer serves the filter until the test ends, and then closes the server
// as [Server.Close] does. If the filter cannot be registered, NewServer ends
// the test and shows each mistake with its file and line. If the test fails,
// the server shows its log and the traffic of every connection.
func NewServer(t T, filter framework.Filter, opts ...Option) *Server {
	t.Helper()
	s := collect(opts)
	r := framework.NewRouter()
	r.Mount(filter, s.lane...)
	return serve(t, r, s)
}

// NewRouterServer is like [NewServer], but serves a whole router: several
// filters in their lanes and the middleware around them.
func NewRouterServer(t T, r *framework.Router, opts ...Option) *Server {
	t.Helper()
	s := collect(opts)
	require.Empty(t, s.lane, "miltertest: the option Lane cannot be used with a router: pass the lane options to Router.Mount")
	return serve(t, r, s)
}

func collect(opts []Option) settings {
	var s settings
	for _, opt := range opts {
		opt(&s)
	}
	return s
}

func serve(t T, r *framework.Router, s settings) *Server {
	t.Helper()
	srv := &Server{settings: s, tracker: newTracker(t.Name())}
	cfg := s.config()
	var logs slog.Handler = newLogHandler(&srv.journal)
	if cfg.Logger != nil {
		logs = slog.NewMultiHandler(logs, cfg.Logger.Handler())
	}
	cfg.Logger = slog.New(logs)
	var err error
	srv.milter, err = framework.NewServer(r, cfg)
	require.NoError(t, err, "miltertest: the filter cannot be registered")
	t.Cleanup(func() {
		t.Helper()
		srv.Close(t)
		srv.showIfFailed(t)
	})
	return srv
}

// Plan returns the plan of the filters: what they request from MTAs.
func (srv *Server) Plan() *framework.Plan { return srv.milter.Plan() }

// Stats returns the figures of the milter server.
func (srv *Server) Stats() framework.Stats { return srv.milter.Stats() }

// Logs returns what the server and its filters have logged so far.
func (srv *Server) Logs() Logs { return srv.journal.since(0) }

// Dial connects the MTA that the options select, and negotiates. If the
// negotiation fails, Dial ends the test. The connection is closed by its own
// Quit or Close, or else by the server.
func (srv *Server) Dial(t T) *Conn {
	t.Helper()
	return srv.DialMTA(t, srv.settings.mta)
}

// DialMTA is like [Server.Dial], but connects the MTA that cfg describes.
func (srv *Server) DialMTA(t T, cfg mta.Config) *Conn {
	t.Helper()
	c := newConn(srv, cfg)
	srv.mu.Lock()
	srv.traces = append(srv.traces, c)
	srv.mu.Unlock()
	require.NoError(t, c.Negotiate(t.Context()), "miltertest: negotiation failed")
	return c
}

// DialRaw connects without negotiating. It is for tests that send malformed
// traffic, or that call [mta.NewConn] themselves. DialRaw returns the MTA's end
// of a [Pipe]. The server closes that end if the caller does not.
func (srv *Server) DialRaw() net.Conn {
	mtaEnd, filterEnd := Pipe()
	conn := srv.tracker.trackConn(filterEnd)
	if !srv.settings.keepsLent {
		conn = poison.Conn(conn)
	}
	srv.tracker.run(func() { srv.milter.ServeConn(conn) })
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.conns = append(srv.conns, mtaEnd)
	return mtaEnd
}

// endTimeout is how long Close waits for sessions to end after their MTA has
// disconnected, and five times as long after the server was closed: a session that
// ends then may need much time on a busy machine.
const endTimeout = 2 * time.Second

// Close closes all connections from the MTA's side and waits until the sessions
// have ended. It fails the test if a session does not end, if a filter made a
// call at the wrong stage, such as [framework.KeptBody.Size] at the end of the
// headers, or used a reader of a message too late (see [AllowWrongStages] for both),
// or if a goroutine that a handler started is still running (see [AllowGoroutines]).
// Close is idempotent. The server calls it when the test ends.
func (srv *Server) Close(t T) {
	t.Helper()
	srv.mu.Lock()
	closed := srv.closed
	srv.closed = true
	for _, conn := range srv.conns {
		_ = conn.Close()
	}
	srv.mu.Unlock()
	if closed {
		return
	}
	ended := srv.tracker.wait(endTimeout)
	_ = srv.milter.Close()
	if !ended && !srv.tracker.wait(5*endTimeout) {
		t.Errorf("miltertest: a session did not end after its MTA disconnected\n%s", srv.tracker.stacks())
		return
	}
	defer srv.reportMisuse(t) // goroutines may log until they end
	if srv.settings.goroutines {
		return
	}
	if stacks := srv.tracker.remaining(endTimeout); stacks != "" {
		t.Errorf("miltertest: %s\n%s", complaint(stacks), stacks)
	}
}

// showIfFailed logs the traffic and the log if the test has failed.
func (srv *Server) showIfFailed(t T) {
	t.Helper()
	if t.Failed() && !srv.settings.quiet {
		srv.show(t)
	}
}

func (srv *Server) show(t T) {
	t.Helper()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, c := range srv.traces {
		t.Logf("miltertest: traffic of a connection:\n%s", c.Transcript())
	}
	t.Logf("miltertest: log:\n%s", srv.Logs())
}

// Conn is the MTA's end of a connection to a [Server]. It embeds [mta.Conn],
// whose methods send one stage at a time. Conn is not safe for concurrent use.
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

// Run sends a message, as [mta.Conn.Send] does, and returns its result. It ends
// the test if the filter violates the protocol or closes the connection. The
// transcript and the logs of the result cover this message only. The logs may
// also contain records of other connections that the server handled at the same
// time.
func (c *Conn) Run(t T, msg *mta.Message) *Result {
	t.Helper()
	traced, logged := c.trace.len(), c.srv.journal.len()
	out, err := c.Send(t.Context(), msg)
	require.NoError(t, err, "miltertest: the filter violated the protocol or closed the connection")
	_ = c.Flush(t.Context()) // writes a pending ABORT; fails if the filter has closed the connection
	negotiated, _ := c.Negotiated()
	return &Result{
		Outcome: *out, Message: msg, Negotiated: negotiated,
		Transcript: c.trace.since(traced), Logs: c.srv.journal.since(logged),
	}
}

// Transcript returns the traffic of the connection so far, one line per milter
// message: see [wire.Tracer]. It is the same in every run if the filter behaves
// the same and does not depend on timing.
func (c *Conn) Transcript() string { return c.trace.since(0) }

// transcript is a buffer that can be read while another goroutine writes to it.
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
