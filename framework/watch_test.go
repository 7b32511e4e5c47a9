package framework_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
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

// progressReports counts the progress reports before the reply to one frame.
func progressReports(t *testing.T, conn *miltertest.Conn) (n int, last wire.Reply) {
	t.Helper()
	for {
		reply, err := conn.ReadReply(t.Context())
		require.NoError(t, err)
		if reply.ReplyCode() != wire.RepProgress {
			return n, reply
		}
		n++
	}
}

// An MTA that waits for a reply receives a progress report every five seconds,
// if it supports them. The framework sends none while the MTA does not wait.
func TestProgress(t *testing.T) {
	t.Parallel()
	nap := func(*framework.Session) (framework.Verdict, error) {
		time.Sleep(20 * time.Second)
		return framework.Continue, nil
	}
	postfix := []mta.Macro{{Name: "v", Value: "Postfix 3.7.11"}}
	sendmail := []mta.Macro{{Name: "v", Value: "8.18.1"}, {Name: "t", Value: "202601021504"}}
	tests := []struct {
		name     string
		register func(r *framework.Router)
		macros   []mta.Macro
		frame    wire.CommandCode
		want     int
	}{
		{"Postfix at MAIL", func(r *framework.Router) { stageTwins()[2].on(r, nap) }, postfix, wire.CmdMail, 3},
		{"Sendmail at MAIL", func(r *framework.Router) { stageTwins()[2].on(r, nap) }, sendmail, wire.CmdMail, 0},
		{"unknown at MAIL", func(r *framework.Router) { stageTwins()[2].on(r, nap) }, nil, wire.CmdMail, 0},
		{"unknown at the end", func(r *framework.Router) {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) { return nap(s) })
		}, nil, wire.CmdBodyEOB, 3},
		{"shown again at the end", func(r *framework.Router) {
			r.GrantAddHeader()
			r.Mount(miltertest.FilterFunc("second", func(r *framework.Router) error {
				stageTwins()[5].observe(r, nap)
				return nil
			}))
		}, nil, wire.CmdBodyEOB, 3},
		{"many handlers that are quick enough", func(r *framework.Router) {
			for range 7 {
				r.Mount(miltertest.FilterFunc("filter"+time.Now().String(), func(r *framework.Router) error {
					r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
						time.Sleep(2900 * time.Millisecond)
						return framework.Continue, nil
					})
					return nil
				}))
				time.Sleep(time.Nanosecond) // gives each a different name
			}
		}, nil, wire.CmdBodyEOB, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				tt.register(r)
				conn := miltertest.NewRouterServer(t, r, miltertest.Configure(production)).Dial(t)
				if tt.macros != nil {
					require.NoError(t, conn.Macros(wire.CmdConnect, tt.macros))
				}
				switch tt.frame {
				case wire.CmdMail:
					conn.Frame(byte(wire.CmdMail), []byte("<a@example.org>\x00"))
				default:
					_, err := conn.Mail(t.Context(), "<a@example.org>")
					require.NoError(t, err)
					_, err = conn.Header(t.Context(), "A", " b")
					require.NoError(t, err)
					conn.Frame(byte(wire.CmdBodyEOB), nil)
				}
				n, last := progressReports(t, conn)
				assert.Equal(t, tt.want, n)
				assert.Equal(t, wire.RepContinue, last.ReplyCode())
			})
		})
	}
}

func TestNoProgressWhereNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		stageTwins()[2].observe(r, func(*framework.Session) (framework.Verdict, error) {
			time.Sleep(20 * time.Second)
			return framework.Continue, nil
		})
		conn := miltertest.NewRouterServer(t, r, miltertest.Configure(production)).Dial(t)
		require.NoError(t, conn.Macros(wire.CmdConnect, []mta.Macro{{Name: "v", Value: "Postfix 3.7.11"}}))
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Flush(t.Context()))
		require.NoError(t, conn.Silent(t.Context(), time.Minute))
	})
}

// A reply is sent even if the handler of a later event from the same read takes
// long.
func TestAnswersDoNotWaitForTheNextHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		stageTwins()[2].on(r, goOn)
		stageTwins()[3].on(r, func(*framework.Session) (framework.Verdict, error) {
			time.Sleep(10 * time.Second)
			return framework.Continue, nil
		})
		conn := miltertest.NewRouterServer(t, r, miltertest.Configure(production)).Dial(t)
		conn.Frame(byte(wire.CmdMail), []byte("<a@example.org>\x00"))
		conn.Frame(byte(wire.CmdRcpt), []byte("<b@example.org>\x00"))
		began := time.Now()
		for _, limit := range []time.Duration{2 * time.Second, 11 * time.Second} {
			_, err := conn.ReadReply(t.Context())
			require.NoError(t, err)
			assert.LessOrEqual(t, time.Since(began), limit)
		}
	})
}

// TestHandlersAroundTheirDeadline has handlers return just before their
// deadline, just after it, or just after the connection was closed. Each
// message gets one reply, or the connection is closed.
func TestHandlersAroundTheirDeadline(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	slot := framework.PerMessage[int](r)
	stageTwins()[2].on(r, func(s *framework.Session) (framework.Verdict, error) {
		*slot.Get(s)++
		time.Sleep(time.Duration(rand.IntN(9000)) * time.Microsecond)
		*slot.Get(s)++
		return framework.Continue, s.Context().Err()
	})
	r.ObserveAbort(func(s *framework.Session, _ *framework.Abort) error {
		// It is 0 if resetting the slots took so long that the message was given up before MAIL.
		assert.Contains(t, []int{0, 2}, *slot.Get(s))
		return nil
	})
	srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) {
		cfg.HandlerTimeout, cfg.HangGrace = 5*time.Millisecond, time.Millisecond
		cfg.ProgressInterval, cfg.MessageTimeout = time.Millisecond, 20*time.Millisecond
	}))
	var crowd sync.WaitGroup
	for range 8 {
		crowd.Go(func() {
			for began := time.Now(); time.Since(began) < 500*time.Millisecond; {
				conn := mta.NewConn(srv.DialRaw(), mta.Config{})
				if !assert.NoError(t, conn.Negotiate(t.Context())) {
					return
				}
				for range 5 {
					resp, err := conn.Mail(t.Context(), "<a@example.org>")
					if err != nil {
						assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
						break // the connection was closed after the last reply
					}
					assert.Contains(t, []wire.ReplyCode{wire.RepContinue, wire.RepReplyCode}, resp.Code)
					assert.NoError(t, conn.Abort())
				}
				_ = conn.Close()
			}
		})
	}
	crowd.Wait()
}

// TestPeerGone needs sockets, because the kernel reports that the MTA has
// closed.
func TestPeerGone(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			causes := make(chan error, 1)
			r := framework.NewRouter()
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				<-s.Context().Done()
				causes <- context.Cause(s.Context())
				return framework.Continue, s.Context().Err()
			})
			addr := serveSocket(t, network, r, framework.Config{ProgressInterval: 20 * time.Millisecond})
			raw, err := net.Dial(network, addr)
			require.NoError(t, err)
			conn := mta.NewConn(raw, mta.Config{})
			require.NoError(t, conn.Negotiate(t.Context()))
			conn.Frame(byte(wire.CmdMail), []byte("<a@example.org>\x00"))
			require.NoError(t, conn.Flush(t.Context()))
			require.NoError(t, conn.Close())
			select {
			case cause := <-causes:
				assert.ErrorIs(t, cause, framework.ErrPeerGone)
			case <-time.After(time.Minute):
				t.Fatal("the handler was not told")
			}
		})
	}
}

// serveSocket serves a router on a socket until the test ends.
func serveSocket(t *testing.T, network string, r *framework.Router, cfg framework.Config) string {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = t.TempDir() + "/s"
	}
	ln, err := net.Listen(network, address)
	require.NoError(t, err)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	srv, err := framework.NewServer(r, cfg)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(t, srv.Shutdown(ctx))
		assert.ErrorIs(t, <-served, framework.ErrServerClosed)
	})
	return ln.Addr().String()
}
