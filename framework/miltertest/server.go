package miltertest

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// Server serves filters to MTAs over connections in memory. Its methods may be
// called from any goroutine, those that take a T from the goroutine of
// that test alone.
type Server struct {
	milter   *framework.Server
	settings settings
	journal  journal
	crew     *crew

	mu     sync.Mutex
	conns  []net.Conn // the MTAs' ends
	traces []*Conn
	closed bool
}

// NewServer serves the filter until the test ends, and then closes the server
// as [Server.Close] does. A filter that cannot be registered ends the test with
// the mistakes, each with its file and line. When the test fails, the log and
// the traffic of every connection are shown.
func NewServer(t T, filter framework.Filter, opts ...Option) *Server {
	t.Helper()
	s := collect(opts)
	r := framework.NewRouter()
	r.Mount(filter, s.lane...)
	return serve(t, r, s)
}

// NewRouterServer is [NewServer] for a whole router: several filters in their
// lanes, with the middleware around them.
func NewRouterServer(t T, r *framework.Router, opts ...Option) *Server {
	t.Helper()
	s := collect(opts)
	require.Empty(t, s.lane, "miltertest: Lane with a router; give the options to Mount")
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
	srv := &Server{settings: s, crew: newCrew(t.Name())}
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
		srv.show(t)
	})
	return srv
}

// Plan returns what the filters ask MTAs for.
func (srv *Server) Plan() *framework.Plan { return srv.milter.Plan() }

// Logs returns what was logged so far.
func (srv *Server) Logs() Logs { return srv.journal.since(0) }

// Dial connects an MTA, the one that the options name, and negotiates. A
// negotiation that fails ends the test. The connection is closed with the
// server, or by its own Quit or Close.
func (srv *Server) Dial(t T) *Conn {
	t.Helper()
	return srv.DialMTA(t, srv.settings.mta)
}

// DialMTA is [Server.Dial] for another MTA.
func (srv *Server) DialMTA(t T, cfg mta.Config) *Conn {
	t.Helper()
	c := newConn(srv, cfg)
	srv.mu.Lock()
	srv.traces = append(srv.traces, c)
	srv.mu.Unlock()
	require.NoError(t, c.Negotiate(t.Context()), "miltertest: negotiation")
	return c
}

// DialRaw connects without a word, for tests of what is not the protocol, or
// that use [mta.NewConn] themselves. The result is the MTA's end of a [Pipe];
// it is closed with the server at the latest.
func (srv *Server) DialRaw() net.Conn {
	mtaEnd, filterEnd := Pipe()
	conn := srv.crew.watch(filterEnd)
	srv.crew.run(func() { srv.milter.ServeConn(conn) })
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.conns = append(srv.conns, mtaEnd)
	return mtaEnd
}

// patience is how long sessions may take to end once their MTA has gone, and
// once more after the server was closed.
const patience = 2 * time.Second

// Close closes all connections, from the MTA's side, and waits until the
// sessions have ended. It fails the test when one goes on, or when a goroutine
// that a handler started is left: see [AllowGoroutines]. Further calls do
// nothing; the end of the test makes the first when nobody else did.
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
	ended := srv.crew.wait(patience)
	_ = srv.milter.Close()
	if !ended && !srv.crew.wait(patience) {
		t.Errorf("miltertest: a session goes on though its MTA has gone\n%s", srv.crew.stacks())
		return
	}
	if srv.settings.goroutines {
		return
	}
	if stacks := srv.crew.left(patience); stacks != "" {
		t.Errorf("miltertest: goroutines that a handler started are left\n%s", stacks)
	}
}

// show shows a failed test what happened.
func (srv *Server) show(t T) {
	t.Helper()
	if t.Failed() && !srv.settings.quiet {
		srv.reveal(t)
	}
}

func (srv *Server) reveal(t T) {
	t.Helper()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, c := range srv.traces {
		t.Logf("miltertest: the traffic of a connection:\n%s", c.Transcript())
	}
	t.Logf("miltertest: the log:\n%s", srv.Logs())
}

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
