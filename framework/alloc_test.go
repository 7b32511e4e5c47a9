package framework_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// Dispatching an event allocates no memory, whatever is registered for it,
// with and without middleware.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfDispatch(t *testing.T) {
	for _, method := range []string{"On", "Observe"} {
		for _, twin := range stageTwins() {
			r := framework.NewRouter()
			r.Use(func(_ *framework.Route, next framework.Handler) framework.Handler {
				return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) { return next(s, ev) }
			})
			if method == "On" {
				twin.on(r, goOn)
			} else {
				twin.observe(r, goOn)
			}
			loop := newLoop(t, r, everything(50, 4096))
			assert.Zero(t, testing.AllocsPerRun(100, loop.message), "%s %s", method, twin.stage)
		}
	}
}

// TestAllocsOfAHeaderFilter runs a filter that reads one field and adds one.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocsOfAHeaderFilter(t *testing.T) {
	loop := newLoop(t, headerFilter(), everything(20, 2048))
	assert.LessOrEqual(t, testing.AllocsPerRun(100, loop.message), 2.0)
	assert.Contains(t, loop.conn.sample(), "X-Seen\x00sender 0123456789\x00")
}

// headerFilter copies the value of a field into a new field.
func headerFilter() *framework.Router {
	r := framework.NewRouter()
	add, from := r.GrantAddHeader(), framework.PerMessage[string](r)
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
		if h.Is("from") {
			*from.Get(s) = h.Value()
		}
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Seen", *from.Get(s))
	})
	return r
}

// everything returns all commands that an MTA can send for one message: all
// stages, two recipients, a header of n fields, and a body.
func everything(n, body int) []byte {
	var script []byte
	add := func(m wire.Command) {
		var err error
		if script, err = m.Encode(script); err != nil {
			panic(err)
		}
	}
	bare := func(code wire.CommandCode) { add(&wire.BareCommand{Code: code}) }
	macros := func(code wire.CommandCode, names ...string) {
		m := &wire.Macro{For: code}
		for _, name := range names {
			m.List = wire.AppendMacro(m.List, name, "value of "+name)
		}
		add(m)
	}
	macros(wire.CmdConnect, "j", "v")
	add(&wire.Connect{Host: []byte("client.example"), Family: wire.FamilyInet, Port: 2525, Address: []byte("192.0.2.1")})
	add(&wire.Helo{Name: []byte("client.example")})
	macros(wire.CmdMail, "{mail_addr}")
	add(&wire.Mail{Sender: []byte("<ann@example.org>"), Args: [][]byte{[]byte("SIZE=4096")}})
	for range 2 {
		macros(wire.CmdRcpt, "{rcpt_addr}")
		add(&wire.Rcpt{Recipient: []byte("<bob@example.net>")})
	}
	macros(wire.CmdData, "i")
	bare(wire.CmdData)
	for i := range n {
		macros(wire.CmdHeader, "i")
		name := "X-Field"
		if i == n/2 {
			name = "From"
		}
		add(&wire.Header{Name: []byte(name), Value: []byte("sender 0123456789")})
	}
	bare(wire.CmdEOH)
	for body > 0 {
		chunk := min(body, wire.MaxBodyChunk)
		macros(wire.CmdBody, "i")
		add(&wire.Body{Chunk: bytes.Repeat([]byte("0123456789abcd\r\n"), chunk/16+1)[:chunk]})
		body -= chunk
	}
	macros(wire.CmdBodyEOB, "i")
	add(&wire.EndOfBody{})
	bare(wire.CmdQuitNC)
	return script
}

// loop is a session that receives the same message any number of times, over a
// connection that allocates nothing.
type loop struct{ conn *loopConn }

func newLoop(t testing.TB, r *framework.Router, script []byte) *loop {
	t.Helper()
	return newRecordedLoop(t, r, script, nil)
}

// newRecordedLoop is like newLoop, with a Recorder or nil.
func newRecordedLoop(t testing.TB, r *framework.Router, script []byte, to framework.Recorder) *loop {
	t.Helper()
	srv, err := framework.NewServer(r, framework.Config{
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Recorder: to,
	})
	require.NoError(t, err)
	offer := &wire.Negotiate{Version: 6, Actions: wire.KnownActions, Protocol: wire.ProtoSkip}
	opening, err := offer.Encode(nil)
	require.NoError(t, err)
	conn := &loopConn{
		rest: opening, script: script, done: make(chan struct{}),
		idle: make(chan struct{}), ready: make(chan struct{}),
	}
	go func() {
		defer close(conn.done)
		srv.ServeConn(conn)
	}()
	<-conn.idle
	t.Cleanup(func() {
		close(conn.ready)
		<-conn.done
	})
	l := &loop{conn}
	for range 3 { // warms up: some memory is allocated on first use
		l.message()
	}
	return l
}

// message sends one message and returns when the session has handled it.
func (l *loop) message() {
	l.conn.ready <- struct{}{}
	<-l.conn.idle
}

// loopConn reads the script repeatedly, and keeps only the last write.
type loopConn struct {
	script, rest []byte
	wrote        []byte
	written      int64
	idle, ready  chan struct{}
	done         chan struct{}
}

func (c *loopConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		c.idle <- struct{}{}
		if _, ok := <-c.ready; !ok {
			return 0, io.EOF
		}
		c.rest = c.script
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *loopConn) Write(p []byte) (int, error) {
	c.written += int64(len(p))
	if len(p) < 4096 {
		c.wrote = append(c.wrote[:0], p...)
	}
	return len(p), nil
}

// sample returns the last write.
func (c *loopConn) sample() string { return strings.Clone(string(c.wrote)) }

func (*loopConn) Close() error                     { return nil }
func (*loopConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*loopConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*loopConn) SetDeadline(time.Time) error      { return nil }
func (*loopConn) SetReadDeadline(time.Time) error  { return nil }
func (*loopConn) SetWriteDeadline(time.Time) error { return nil }
