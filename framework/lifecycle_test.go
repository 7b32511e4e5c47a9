package framework_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestHowSessionsEnd checks which events a filter gets if an MTA disconnects,
// in each of the ways in which MTAs do this, and at each point of a message.
func TestHowSessionsEnd(t *testing.T) {
	t.Parallel()
	mail, rcpt := raw('M', "<a@example.org>\x00"), raw('R', "<b@example.org>\x00")
	tests := []struct {
		name string
		said [][]byte
		want string
	}{
		{"nothing was said", nil, ""},
		{"only HELO", [][]byte{raw('H', "client\x00")}, "close"},
		{"only macros", [][]byte{raw('D', "Cj\x00mx\x00")}, "close"},
		{"in the middle of a message", [][]byte{mail, rcpt}, "mail abort close"},
		{"in the middle of a command", [][]byte{mail, []byte("\x00\x00\x00\x20R<")}, "mail abort close"},
		{"after an abort", [][]byte{mail, raw('A', "")}, "mail abort close"},
		{"after two aborts", [][]byte{mail, raw('A', ""), raw('A', "")}, "mail abort close"},
		{"after the end of a message", [][]byte{mail, raw('E', "")}, "mail eom close"},
		{"after the end and an abort", [][]byte{mail, raw('E', ""), raw('A', "")}, "mail eom close"},
		{"after MAIL, again", [][]byte{mail, mail}, "mail abort mail abort close"},
		{"after HELO in a message", [][]byte{mail, raw('H', "again\x00")}, "mail abort close"},
		{"in another session", [][]byte{mail, raw('K', ""), mail}, "mail abort close mail abort close"},
		{"right after another session", [][]byte{mail, raw('K', "")}, "mail abort close"},
		{"with a word of its own", [][]byte{mail, raw('Q', "")}, "mail abort close"},
		{"with a word after the end", [][]byte{mail, raw('E', ""), raw('Q', "")}, "mail eom close"},
		{"after breaking the protocol", [][]byte{mail, raw('z', "")}, "mail abort close"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			r := framework.NewRouter()
			note := func(s *framework.Session, what string) {
				got = append(got, what)
				assert.NoError(t, s.Context().Err(), "at %s", what)
			}
			r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return nil })
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				note(s, "mail")
				return framework.Continue, nil
			})
			stageTwins()[3].observe(r, goOn)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				note(s, "eom")
				return framework.Continue, nil
			})
			r.ObserveAbort(func(s *framework.Session, _ *framework.Abort) error { note(s, "abort"); return nil })
			r.ObserveClose(func(s *framework.Session, _ *framework.Close) error { note(s, "close"); return nil })
			script := opening(t)
			for _, part := range tt.said {
				script = append(script, part...)
			}
			srv := newServer(t, r, quiet())
			srv.ServeConn(&scriptConn{rest: script})
			assert.Equal(t, tt.want, strings.Join(got, " "))
		})
	}
}

// closer is a new body that must be closed.
type closer struct {
	io.Reader
	closed *int
	err    error
}

func (c closer) Close() error {
	*c.closed++
	if c.err != nil {
		panic(c.err)
	}
	return nil
}

// New bodies are closed, whatever the outcome of the message is.
func TestBodiesAreClosed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		verdict framework.Verdict
		err     error
		panics  error
		abort   bool
	}{
		{name: "accepted", verdict: framework.Accept},
		{name: "refused", verdict: framework.Reject},
		{name: "failed", err: errBoom},
		{name: "given up", abort: true},
		{name: "the closing panics", panics: errBoom},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				closed, r := 0, framework.NewRouter()
				replace := r.GrantReplaceBody()
				r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
					return replace.ReplaceFrom(s, closer{strings.NewReader("new\n"), &closed, tt.panics})
				})
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
					return tt.verdict, tt.err
				})
				srv := miltertest.NewRouterServer(t, r)
				conn := srv.Dial(t)
				for range 2 {
					_, err := conn.Mail(t.Context(), "<a@example.org>")
					require.NoError(t, err)
					if tt.abort {
						require.NoError(t, conn.Abort())
						continue
					}
					_, _, err = conn.EndOfMessage(t.Context(), nil)
					require.NoError(t, err)
				}
				require.NoError(t, conn.Quit(t.Context()))
				synctest.Wait()
				assert.Equal(t, 2, closed)
				if tt.panics != nil {
					assert.Len(t, logged(srv, slog.LevelWarn), 2)
				}
			})
		})
	}
}

func TestRejectedRecipients(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	var taken, refused []string
	envelope := r.WantEnvelope()
	r.ObserveRcpt(func(_ *framework.Session, e *framework.Rcpt) error {
		taken = append(taken, e.Recipient())
		return nil
	})
	r.ObserveRejectedRcpt(func(_ *framework.Session, e *framework.RejectedRcpt) error {
		refused = append(refused, e.Recipient())
		return nil
	})
	var kept []string
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		kept = envelope.Recipients(s)
		return framework.Continue, nil
	})
	conn, ctx := miltertest.NewRouterServer(t, r).Dial(t), t.Context()
	_, err := conn.Mail(ctx, "<a@example.org>")
	require.NoError(t, err)
	require.NoError(t, conn.Macros(wire.CmdRcpt, []mta.Macro{{Name: "{rcpt_mailer}", Value: "error"}}))
	for _, addr := range []string{"<gone@example.net>", "<bob@example.net>"} { // the second has no macros
		_, err = conn.Rcpt(ctx, addr)
		require.NoError(t, err)
	}
	_, _, err = conn.EndOfMessage(ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"gone@example.net"}, refused)
	assert.Equal(t, []string{"bob@example.net"}, taken)
	assert.Equal(t, []string{"bob@example.net"}, kept)
}

// A handler that ends its goroutine, as a failing assertion does, ends its
// connection.
func TestGoexit(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	stageTwins()[2].on(r, func(*framework.Session) (framework.Verdict, error) {
		runtime.Goexit()
		return framework.Continue, nil
	})
	conn := serveOne(t, newServer(t, r, quiet()))
	_, err := conn.Mail(t.Context(), "<a@example.org>")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// closesOnReset is a state that holds something which ResetSlot releases.
type closesOnReset struct{ release func() }

// ResetSlot releases what the state holds.
func (c *closesOnReset) ResetSlot() {
	if c.release != nil {
		c.release()
	}
	c.release = nil
}

// Such a connection resets its slots, so that what other filters hold in them is released.
func TestGoexitResetsSlots(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	message, session := framework.PerMessage[closesOnReset](r), framework.PerConnection[closesOnReset](r)
	var released []string
	stageTwins()[2].on(r, func(s *framework.Session) (framework.Verdict, error) {
		message.Get(s).release = func() { released = append(released, "message") }
		session.Get(s).release = func() { released = append(released, "session") }
		runtime.Goexit()
		return framework.Continue, nil
	})
	srv := miltertest.NewRouterServer(t, r)
	_, err := srv.Dial(t).Mail(t.Context(), "<a@example.org>")
	require.Error(t, err)
	srv.Close(t)
	assert.Equal(t, []string{"message", "session"}, released)
}

// The line about such a connection has what its handlers annotated.
func TestGoexitIsLogged(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	stageTwins()[2].on(r, func(s *framework.Session) (framework.Verdict, error) {
		s.Annotate(slog.String("tenant", "a"))
		runtime.Goexit()
		return framework.Continue, nil
	})
	srv := miltertest.NewRouterServer(t, r)
	_, err := srv.Dial(t).Mail(t.Context(), "<a@example.org>")
	require.Error(t, err)
	srv.Close(t)
	line, ok := srv.Logs().Find("session failed")
	require.True(t, ok)
	tenant, _ := miltertest.LogAttr(line, "tenant")
	assert.Equal(t, "a", tenant.String())
}

// An idle connection releases the memory that a large message needed.
//
//nolint:paralleltest // memory is measured for the whole process
func TestIdleConnectionsAreSmall(t *testing.T) {
	// A recording keeps a buffer of 16 KiB, and its preamble.
	const each, ofRecorder = 24 << 10, 24 << 10
	for _, tt := range []struct {
		name         string
		router       *framework.Router
		fields, body int
		conns        int64
	}{
		{"a body", allStages(), 100, 300 << 10, 200},
		{"deletions of fields that are shown", deletesAll(), 5000, 10, 10},
		{"edits of each kind", editsALot(5000), 10, 10, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			script := everything(tt.fields, tt.body)
			assert.Less(t, idleSize(t, tt.router, script, tt.conns, nil), int64(each), "bytes a connection")
			assert.Less(t, idleSize(t, tt.router, script, tt.conns, idleRecorder{}), int64(each+ofRecorder), "with a recorder")
		})
	}
}

// deletesAll returns a router whose filter deletes each field when it sees it.
func deletesAll() *framework.Router {
	r := framework.NewRouter()
	change := r.GrantChangeHeader()
	r.ObserveHeader(func(s *framework.Session, h *framework.Header) error { return change.Delete(s, h.Handle()) })
	return r
}

// editsALot returns a router whose filter asks for n edits of each kind that can be many.
func editsALot(n int) *framework.Router {
	r := framework.NewRouter()
	g := allGrants(r)
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		var err error
		for i := range n {
			addr := fmt.Sprintf("%d@example.net", i)
			err = errors.Join(err, g.add.Append(s, "X", "y"), g.rcpt.Add(s, addr), g.unrcpt.Delete(s, "not."+addr))
		}
		return framework.Continue, err
	})
	return r
}

// idleRecorder is a Recorder that keeps nothing.
type idleRecorder struct{}

// RecordLimits implements framework.Recorder.
func (idleRecorder) RecordLimits() framework.RecordLimits {
	return framework.RecordLimits{Bytes: 1 << 20, Header: true, Body: true}
}

// Record implements framework.Recorder.
func (idleRecorder) Record(*framework.Recording) {}

// idleSize returns the memory that a connection holds after a message.
func idleSize(t *testing.T, r *framework.Router, script []byte, conns int64, recorder framework.Recorder) int64 {
	t.Helper()
	cfg := quiet()
	cfg.Recorder = recorder
	srv := newServer(t, r, cfg)
	before := heap()
	var loops []*loopConn
	for range conns {
		conn := &loopConn{
			rest: opening(t), script: script, done: make(chan struct{}),
			idle: make(chan struct{}), ready: make(chan struct{}),
		}
		go func() {
			defer close(conn.done)
			srv.ServeConn(conn)
		}()
		<-conn.idle
		(&loop{conn}).message()
		loops = append(loops, conn)
	}
	size := (heap() - before) / conns
	for _, conn := range loops {
		close(conn.ready)
		<-conn.done
	}
	require.NoError(t, srv.Close())
	return size
}

// Middleware may decide about a recipient that the MTA has refused. A refusal is
// superfluous if the MTA waits for it. If not, it is deferred and refuses the
// message, as that of any observer does.
func TestVerdictOnARejectedRecipient(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		verdict framework.Verdict
		answers bool // another handler makes the MTA wait at RCPT
		want    string
	}{
		{"refused, no reply", framework.Reject, false, `1 reject by "f" at end of message aborted=false rcpts=0 size=0 queue= f:reject`},
		{"refused, reply", framework.Reject, true, `1 continue by "" at end of message aborted=false rcpts=0 size=0 queue= f:reject`},
		{"discarded, no reply", framework.Discard, false, `1 discard by "f" at end of message aborted=false rcpts=0 size=0 queue= f:discard`},
		{"discarded, reply", framework.Discard, true, `1 discard by "f" at rcpt aborted=false rcpts=0 size=0 queue= f:discard`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var told ledgerOfEnds
			r := framework.NewRouter()
			r.Use(afterEach(told.add), func(rt *framework.Route, next framework.Handler) framework.Handler {
				if !rt.Rejected() {
					return next
				}
				return func(*framework.Session, framework.Event) (framework.Verdict, error) { return tt.verdict, nil }
			})
			r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
				r.ObserveRejectedRcpt(watches)
				if tt.answers {
					r.OnRcpt(goesOn)
				}
				return nil
			}))
			srv := miltertest.NewRouterServer(t, r)
			conn, ctx := srv.Dial(t), t.Context()
			_, err := conn.Mail(ctx, "<a@example.org>")
			require.NoError(t, err)
			require.NoError(t, conn.Macros(wire.CmdRcpt, []mta.Macro{{Name: "{rcpt_mailer}", Value: "error"}}))
			_, err = conn.Rcpt(ctx, "<gone@example.net>")
			require.NoError(t, err)
			if tt.verdict.Refuses() || !tt.answers {
				_, _, err = conn.EndOfMessage(ctx, nil)
				require.NoError(t, err)
			}
			srv.Close(t)
			assert.Equal(t, []string{tt.want}, told.ends)
		})
	}
}
