package framework_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// hanging is a slot's state and the reader of a body whose methods hang.
type hanging struct {
	hang                func()
	read, closed, reset bool // which method hangs
}

func (h *hanging) ResetSlot() {
	if h.reset {
		h.hang()
	}
}

func (h *hanging) Read([]byte) (int, error) {
	if h.read {
		h.hang()
	}
	return 0, io.EOF
}

func (h *hanging) Close() error {
	if h.closed {
		h.hang()
	}
	return nil
}

// hangs are the places at which the code of a filter or a middleware can hang.
func hangs() map[string]func(r *framework.Router, hang func()) {
	replace := func(body hanging) func(r *framework.Router, hang func()) {
		return func(r *framework.Router, hang func()) {
			grant := r.GrantReplaceBody()
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				h := body
				h.hang = hang
				return framework.Continue, grant.ReplaceFrom(s, &h)
			})
		}
	}
	return map[string]func(r *framework.Router, hang func()){
		"handler that answers": func(r *framework.Router, hang func()) {
			stageTwins()[2].on(r, func(*framework.Session) (framework.Verdict, error) {
				hang()
				return framework.Continue, nil
			})
		},
		"observer": func(r *framework.Router, hang func()) {
			r.ObserveHeader(func(*framework.Session, *framework.Header) error { hang(); return nil })
		},
		"middleware": func(r *framework.Router, hang func()) {
			r.Use(func(_ *framework.Route, next framework.Handler) framework.Handler {
				return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
					hang()
					return next(s, ev)
				}
			})
			r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
		},
		"handler that never ends": func(r *framework.Router, hang func()) {
			stageTwins()[2].on(r, func(*framework.Session) (framework.Verdict, error) {
				hang()
				return framework.Continue, errors.New("late")
			})
			r.ObserveAbort(func(*framework.Session, *framework.Abort) error { hang(); return nil })
		},
		"Abort": func(r *framework.Router, hang func()) {
			r.OnRcpt(goesOn[*framework.Rcpt])
			r.ObserveMail(watches[*framework.Mail])
			r.ObserveAbort(func(*framework.Session, *framework.Abort) error { hang(); return nil })
		},
		"Close": func(r *framework.Router, hang func()) {
			r.ObserveMail(watches[*framework.Mail])
			r.ObserveClose(func(*framework.Session, *framework.Close) error { hang(); return nil })
		},
		"AfterMessage": func(r *framework.Router, hang func()) {
			r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
				rt.AfterMessage(func(*framework.Session, *framework.MessageResult) { hang() })
				return next
			})
			r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
		},
		"ResetSlot after a message": func(r *framework.Router, hang func()) {
			slot := framework.PerMessage[hanging](r)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				*slot.Get(s) = hanging{hang: hang, reset: true}
				return framework.Continue, nil
			})
		},
		"ResetSlot after a session": func(r *framework.Router, hang func()) {
			slot := framework.PerConnection[hanging](r)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				*slot.Get(s) = hanging{hang: hang, reset: true}
				return framework.Continue, nil
			})
		},
		"Read of a new body":  replace(hanging{read: true}),
		"Close of a new body": replace(hanging{closed: true}),
		"Close of a new body after Goexit": func(r *framework.Router, hang func()) {
			grant := r.GrantReplaceBody()
			r.ObserveMail(func(s *framework.Session, _ *framework.Mail) error {
				return grant.ReplaceFrom(s, &hanging{hang: hang, closed: true})
			})
			r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
				runtime.Goexit()
				return framework.Continue, nil
			})
		},
	}
}

// seated dials a server that allows n sessions, and sends the message twice, as an MTA
// with two clients in a row. It ends the connection then, if the server has not.
func seated(t *testing.T, srv *framework.Server) {
	t.Helper()
	mtaEnd, filterEnd := miltertest.Pipe()
	go srv.ServeConn(filterEnd)
	conn := mta.NewConn(mtaEnd, mta.Config{CommandTimeout: time.Hour, ContentTimeout: time.Hour})
	if conn.Negotiate(t.Context()) == nil {
		_, _ = conn.Mail(t.Context(), "<a@example.org>")
		_, _ = conn.Rcpt(t.Context(), "<b@example.org>")
		if _, err := conn.Send(t.Context(), letter()); err == nil {
			_, _ = conn.Send(t.Context(), letter())
		}
	}
	_ = conn.Close()
}

// A connection whose handler hangs leaves its seat when it is closed: others are served,
// and Shutdown does not wait for the handler.
func TestHangLeavesItsSeat(t *testing.T) {
	t.Parallel()
	for name, register := range hangs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const most = 3
				var healthy atomic.Bool
				release, r := make(chan struct{}), framework.NewRouter()
				register(r, func() {
					if !healthy.Load() {
						<-release
					}
				})
				cfg := quiet()
				cfg.Admission.MaxSessions = most
				srv := newServer(t, r, cfg)
				for range most {
					go seated(t, srv)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				stats := srv.Stats()
				assert.Zero(t, stats.Connections)
				assert.Equal(t, int64(most), stats.AbandonedHandlers)
				assert.Equal(t, uint64(most), stats.AbandonedHandlersTotal)
				assert.Equal(t, uint64(most), stats.HandlerErrors)

				healthy.Store(true)
				began := time.Now()
				for range 2 * most {
					seated(t, srv)
				}
				assert.Less(t, time.Since(began), time.Minute, "others are served")
				began = time.Now()
				require.NoError(t, srv.Shutdown(t.Context()))
				assert.Less(t, time.Since(began), time.Minute, "Shutdown does not wait for what hangs")
				assert.Equal(t, int64(most), srv.Stats().AbandonedHandlers)

				close(release)
				synctest.Wait()
				stats = srv.Stats()
				assert.Zero(t, stats.AbandonedHandlers)
				assert.Zero(t, stats.Connections)
				assert.Zero(t, stats.MessagesOpen)
				assert.Equal(t, uint64(most), stats.AbandonedHandlersTotal, "each is counted once")
			})
		})
	}
}

// While the connection exists, the session has its seat, and Shutdown waits: for the
// fallback that still serves the MTA, and for a handler that has not been given up.
func TestSeatLastsAsLongAsTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, r := make(chan struct{}), framework.NewRouter()
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { <-release; return nil })
		r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
		srv := newServer(t, r, quiet())
		conn := serveOne(t, srv)
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Flush(t.Context()))
		done := make(chan error, 1)
		go func() { done <- srv.Shutdown(t.Context()) }()
		time.Sleep(time.Minute) // the fallback waits for the end of the message
		synctest.Wait()
		assert.Equal(t, int64(1), srv.Stats().Connections)
		assert.Zero(t, srv.Stats().AbandonedHandlers)
		assert.Empty(t, done)
		resp, _, err := conn.EndOfMessage(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, []string{policyReply}, resp.Lines())
		require.NoError(t, <-done)
		assert.Equal(t, int64(1), srv.Stats().AbandonedHandlers)
		close(release)
		synctest.Wait()
		assert.Zero(t, srv.Stats().AbandonedHandlers)
	})
}

// A handler that returns while the fallback still serves the MTA was never abandoned.
func TestLateHandlerIsNotAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { time.Sleep(time.Minute); return nil })
		r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
		srv := newServer(t, r, quiet())
		conn := serveOne(t, srv)
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Flush(t.Context()))
		time.Sleep(2 * time.Minute)
		_, _, err = conn.EndOfMessage(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, srv.Shutdown(t.Context()))
		assert.Zero(t, srv.Stats().AbandonedHandlersTotal)
	})
}

// renamed is a connection whose address is known only after the first read, as the one of
// a listener for the PROXY protocol.
type renamed struct {
	net.Conn

	known atomic.Bool
}

func (c *renamed) Read(p []byte) (int, error) {
	c.known.Store(true)
	return c.Conn.Read(p)
}

func (c *renamed) RemoteAddr() net.Addr {
	addr := netip.MustParseAddrPort("192.0.2.1:1000")
	if c.known.Load() {
		addr = netip.MustParseAddrPort("198.51.100.2:2000")
	}
	return net.TCPAddrFromAddrPort(addr)
}

// The counts of a peer go by its connections: they are right after handlers hung, and if
// the address of a connection changes.
func TestHangLeavesItsPlaceOfThePeer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var healthy atomic.Bool
		release, r := make(chan struct{}), framework.NewRouter()
		hangs()["handler that answers"](r, func() {
			if !healthy.Load() {
				<-release
			}
		})
		cfg := quiet()
		cfg.Admission.MaxPerPeer = 1
		srv := newServer(t, r, cfg)
		serve := func() (*mta.Conn, error) {
			mtaEnd, filterEnd := miltertest.Pipe()
			go srv.ServeConn(&renamed{Conn: filterEnd})
			conn := mta.NewConn(mtaEnd, mta.Config{CommandTimeout: time.Hour})
			return conn, conn.Negotiate(t.Context())
		}
		for range 3 {
			conn, err := serve()
			require.NoError(t, err, "the seat of the hung handler is free")
			_, err = serve()
			require.Error(t, err, "the peer has one seat")
			resp, err := conn.Mail(t.Context(), "<a@example.org>")
			require.NoError(t, err)
			assert.Equal(t, []string{policyReply}, resp.Lines())
			synctest.Wait()
		}
		healthy.Store(true)
		close(release)
		synctest.Wait()
		assert.Equal(t, uint64(3), srv.Stats().OverLimit)
		require.NoError(t, srv.Shutdown(t.Context()))
	})
}

// If code that cleans up after a message hangs, the MTA does not get a second reply to
// the message, and the next message is decided by all lanes: one that fails closed is not
// left out because it was done with the message before.
func TestHangAfterTheAnswer(t *testing.T) {
	t.Parallel()
	accepts := miltertest.FilterFunc("accepts", func(r *framework.Router) error {
		r.OnMail(says[*framework.Mail](framework.Accept))
		return nil
	})
	for name, c := range map[string]struct {
		accepts framework.LaneOption
		want    string
	}{
		"a lane that fails closed": {framework.FailClosed(), policyReply},
		"lanes that fail open":     {framework.FailOpen(), "accept"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release, r := make(chan struct{}), framework.NewRouter()
				r.Mount(accepts, c.accepts)
				r.Mount(miltertest.FilterFunc("hangs", func(r *framework.Router) error {
					slot := framework.PerMessage[hanging](r)
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
						*slot.Get(s) = hanging{hang: func() { <-release }, reset: true}
						return framework.Continue, nil
					})
					return nil
				}), framework.FailOpen())
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
				conn := srv.Dial(t)
				out, err := conn.Send(t.Context(), letter())
				require.NoError(t, err)
				assert.False(t, out.Verdict.Refuses())
				time.Sleep(time.Minute)
				resp, err := conn.Mail(t.Context(), "<c@example.org>")
				require.NoError(t, err)
				got := "accept"
				if resp.Refuses() {
					got = resp.Lines()[0]
				} else {
					assert.Equal(t, "SMFIR_ACCEPT", resp.Code.String())
				}
				assert.Equal(t, c.want, got)
				close(release)
				synctest.Wait()
			})
		})
	}
}

// If the Abort handler of one lane hangs after another lane refused the message, the MTA
// gets one reply to the message, and the next one is not accepted in the name of the lane
// that refused.
func TestHungAbortAfterARefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, r := make(chan struct{}), framework.NewRouter()
		r.Mount(miltertest.FilterFunc("refuses", func(r *framework.Router) error {
			r.OnMail(goesOn[*framework.Mail])
			r.OnEndOfMessage(says[*framework.EndOfMessage](framework.Reject))
			return nil
		}))
		r.Mount(miltertest.FilterFunc("hangs", func(r *framework.Router) error {
			r.ObserveAbort(func(*framework.Session, *framework.Abort) error { <-release; return nil })
			return nil
		}), framework.FailOpen())
		srv := newServer(t, r, quiet())
		conn := serveOne(t, srv)
		out, err := conn.Send(t.Context(), letter())
		require.NoError(t, err)
		assert.True(t, out.Verdict.Refuses())
		require.NoError(t, conn.Flush(t.Context()))
		time.Sleep(280 * time.Second) // longer than the end of a message may take
		assert.Equal(t, int64(1), srv.Stats().Connections, "there is nothing to reply to before the next message")
		resp, err := conn.Mail(t.Context(), "<c@example.org>")
		require.NoError(t, err)
		assert.Equal(t, []string{policyReply}, resp.Lines())
		_, err = conn.ReadReply(t.Context())
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "no other reply, and the connection is closed")
		close(release)
		synctest.Wait()
	})
}

// If code that cleans up after a session hangs, the next session on the connection is
// decided by all lanes, though one of them accepted the session before as a whole.
func TestHangBetweenSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, r := make(chan struct{}), framework.NewRouter()
		r.Mount(miltertest.FilterFunc("accepts", func(r *framework.Router) error {
			r.OnConnect(says[*framework.Connect](framework.Accept))
			return nil
		}))
		r.Mount(miltertest.FilterFunc("hangs", func(r *framework.Router) error {
			r.OnMail(goesOn[*framework.Mail])
			r.ObserveClose(func(*framework.Session, *framework.Close) error { <-release; return nil })
			return nil
		}), framework.FailOpen())
		srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
		conn := srv.Dial(t)
		client := &wire.Connect{Host: []byte("client.example.org"), Family: wire.FamilyUnknown}
		_, err := conn.Connect(t.Context(), client)
		require.NoError(t, err)
		_, err = conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.QuitNC())
		require.NoError(t, conn.Flush(t.Context()))
		time.Sleep(time.Minute)
		resp, err := conn.Connect(t.Context(), client)
		require.NoError(t, err)
		assert.Equal(t, []string{policyReply}, resp.Lines())
		close(release)
		synctest.Wait()
	})
}
