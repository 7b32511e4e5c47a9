package framework_test

import (
	"context"
	"io"
	"log/slog"
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

func goOn(*framework.Session) (framework.Verdict, error) { return framework.Continue, nil }

// TestHangBesideTheAnswer has a handler hang while the MTA waits for the reply
// to another event. The framework replies to that other event.
func TestHangBesideTheAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		register func(r *framework.Router, hang func() error)
		send     func(ctx context.Context, c *miltertest.Conn) (mta.Response, error)
	}{
		{
			"an abort that MAIL implies",
			func(r *framework.Router, hang func() error) {
				stageTwins()[2].on(r, goOn)
				r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return hang() })
			},
			func(ctx context.Context, c *miltertest.Conn) (mta.Response, error) {
				return c.Mail(ctx, "<b@example.org>")
			},
		},
		{
			"an abort that HELO implies",
			func(r *framework.Router, hang func() error) {
				stageTwins()[1].on(r, goOn)
				stageTwins()[2].on(r, goOn)
				r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return hang() })
			},
			func(ctx context.Context, c *miltertest.Conn) (mta.Response, error) { return c.Helo(ctx, "again") },
		},
		{
			"a body chunk in the last packet",
			func(r *framework.Router, hang func() error) {
				r.ObserveBody(func(*framework.Session, *framework.Body) error { return hang() })
			},
			func(ctx context.Context, c *miltertest.Conn) (mta.Response, error) {
				v, _, err := c.EndOfMessage(ctx, []byte("tail"))
				return v, err
			},
		},
		{
			"a header field that is shown at the end",
			func(r *framework.Router, hang func() error) {
				r.GrantAddHeader()
				r.Mount(miltertest.FilterFunc("second", func(r *framework.Router) error {
					r.ObserveHeader(func(*framework.Session, *framework.Header) error { return hang() })
					return nil
				}))
			},
			func(ctx context.Context, c *miltertest.Conn) (mta.Response, error) {
				if _, err := c.Header(ctx, "A", " b"); err != nil {
					return mta.Response{}, err
				}
				v, _, err := c.EndOfMessage(ctx, nil)
				return v, err
			},
		},
		{
			"the event itself, after an answer that nobody waited for yet",
			func(r *framework.Router, hang func() error) {
				r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
				r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
					return framework.Continue, hang()
				})
			},
			func(ctx context.Context, c *miltertest.Conn) (mta.Response, error) {
				return c.Rcpt(ctx, "<b@example.org>")
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release, r := make(chan struct{}), framework.NewRouter()
				tt.register(r, func() error {
					<-release
					return nil
				})
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
				conn := srv.Dial(t)
				_, err := conn.Mail(t.Context(), "<a@example.org>")
				require.NoError(t, err)
				began := time.Now()
				resp, err := tt.send(t.Context(), conn)
				require.NoError(t, err)
				assert.Equal(t, []string{policyReply}, resp.Lines())
				took := time.Since(began)
				assert.GreaterOrEqual(t, took, 25*time.Second)
				assert.Less(t, took, 300*time.Second, "longer than Postfix waits")
				close(release)
				srv.Close(t)
				require.Len(t, logged(srv, slog.LevelError), 1)
				peer, ok := miltertest.LogAttr(logged(srv, slog.LevelError)[0], "peer")
				require.True(t, ok)
				assert.Equal(t, "memory:mta", peer.String())
			})
		})
	}
}

// An MTA waits 30 seconds for its filter, and gets the reply before.
func TestHangInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, r := make(chan struct{}), framework.NewRouter()
		var late error
		ctxs := make(chan context.Context, 1)
		add := r.GrantAddHeader()
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			ctxs <- s.Context()
			<-release
			late = add.Append(s, "X-Late", "yes")
			return framework.Accept, nil
		})
		var ends []string
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error { ends = append(ends, "abort"); return nil })
		r.ObserveClose(func(*framework.Session, *framework.Close) error { ends = append(ends, "close"); return nil })
		srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
		conn, began := srv.Dial(t), time.Now()
		resp, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		assert.Equal(t, []string{policyReply}, resp.Lines())
		assert.Less(t, time.Since(began), 29*time.Second)
		require.ErrorIs(t, context.Cause(<-ctxs), framework.ErrHandlerTimeout)
		said := conn.Transcript()
		close(release)
		synctest.Wait()
		srv.Close(t)
		assert.Equal(t, said, conn.Transcript(), "what the handler decided too late is not said")
		require.NoError(t, late)
		assert.Equal(t, []string{"abort", "close"}, ends, "what it holds can be freed")
	})
}

// TestHangAndPolicies shows the reply on behalf of a lane that hangs, for each
// policy.
func TestHangAndPolicies(t *testing.T) {
	t.Parallel()
	own := framework.MustReply(550, "5.7.0", "no")
	tests := []struct {
		name   string
		opts   []framework.LaneOption
		beside bool
		want   string
	}{
		{"by default", nil, false, "SMFIR_REPLYCODE " + policyReply},
		{"with a verdict of its own", []framework.LaneOption{framework.FailWith(own)}, false, "SMFIR_REPLYCODE 550 5.7.0 no"},
		{"open", []framework.LaneOption{framework.FailOpen()}, false, "SMFIR_ACCEPT"},
		{"on trial", []framework.LaneOption{framework.DryRun()}, false, "SMFIR_ACCEPT"},
		{"open, with a lane behind it that is not", []framework.LaneOption{framework.FailOpen()}, true, "SMFIR_REPLYCODE " + policyReply},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release, r := make(chan struct{}), framework.NewRouter()
				r.Mount(miltertest.FilterFunc("hangs", func(r *framework.Router) error {
					r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
						<-release
						return framework.Continue, nil
					})
					return nil
				}), tt.opts...)
				if tt.beside {
					r.Mount(miltertest.FilterFunc("checks", func(r *framework.Router) error {
						stageTwins()[7].on(r, goOn)
						return nil
					}))
				}
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
				conn := srv.Dial(t)
				_, err := conn.Mail(t.Context(), "<a@example.org>")
				require.NoError(t, err)
				resp, err := conn.Rcpt(t.Context(), "<b@example.org>")
				require.NoError(t, err)
				assert.Equal(t, tt.want, resp.String())
				close(release)
			})
		})
	}
}

// Handlers that hang after the MTA has stopped waiting delay nothing.
func TestHangAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, r := make(chan struct{}), framework.NewRouter()
		stageTwins()[2].on(r, goOn)
		r.ObserveClose(func(*framework.Session, *framework.Close) error {
			<-release
			return nil
		})
		srv := miltertest.NewRouterServer(t, r)
		conn := srv.Dial(t)
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.QuitNC())
		resp, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		assert.Equal(t, []string{policyReply}, resp.Lines(), "the next session is answered")
		close(release)
		assert.Len(t, logged(srv, slog.LevelError), 1)
	})
}

// The log names the message whose handler hung.
func TestHangIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, r := make(chan struct{}), framework.NewRouter()
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			<-release
			return framework.Continue, nil
		})
		srv := miltertest.NewRouterServer(t, r)
		srv.Dial(t).Run(t, letter())
		close(release)
		lines := logged(srv, slog.LevelError)
		require.Len(t, lines, 1)
		for key, want := range map[string]any{"filter": "main", "stage": "end of message", "message": uint64(1)} {
			value, _ := miltertest.LogAttr(lines[0], key)
			assert.Equal(t, want, value.Any(), key)
		}
	})
}

// Each lane has a separate deadline.
func TestTimeoutOfOneLane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		r.Mount(miltertest.FilterFunc("slow", func(r *framework.Router) error {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				<-s.Context().Done()
				return framework.Continue, s.Context().Err()
			})
			return nil
		}), framework.FailOpen())
		r.Mount(miltertest.FilterFunc("quick", func(r *framework.Router) error {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, s.Context().Err()
			})
			return nil
		}))
		conn := miltertest.NewRouterServer(t, r).Dial(t)
		for range 2 {
			conn.Run(t, letter()).AssertAccepted(t)
		}
	})
}

// A pending verdict on the session is also sent when a handler hangs.
func TestPendingVerdictSurvivesAHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, r := make(chan struct{}), framework.NewRouter()
		r.Mount(miltertest.FilterFunc("fails", func(r *framework.Router) error {
			r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return errBoom })
			stageTwins()[2].on(r, goOn)
			return nil
		}), framework.FailWith(framework.Reject))
		r.Mount(miltertest.FilterFunc("hangs", func(r *framework.Router) error {
			r.ObserveAbort(func(*framework.Session, *framework.Abort) error {
				<-release
				return nil
			})
			return nil
		}))
		conn := miltertest.NewRouterServer(t, r).Dial(t)
		_, err := conn.Helo(t.Context(), "client")
		require.NoError(t, err)
		for range 2 { // the handler of the first message's abort hangs
			resp, err := conn.Mail(t.Context(), "<a@example.org>")
			require.NoError(t, err)
			assert.Equal(t, wire.RepReject, resp.Code)
		}
		close(release)
	})
}

// An MTA that disconnects need not wait for the close handlers.
func TestEndDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		stageTwins()[1].observe(r, goOn)
		r.ObserveClose(func(*framework.Session, *framework.Close) error {
			time.Sleep(10 * time.Second)
			return nil
		})
		conn, began := serveOne(t, newServer(t, r, quiet())), time.Now()
		_, err := conn.Helo(t.Context(), "client")
		require.NoError(t, err)
		conn.Frame(byte(wire.CmdQuit), nil)
		_, err = conn.ReadReply(t.Context())
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.Zero(t, time.Since(began))
		time.Sleep(time.Minute)
	})
}

// If a handler returns too late, but before the next stage that sends a reply,
// the fallback still sends that reply.
func TestReturnBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := framework.NewRouter()
		stageTwins()[2].observe(r, func(*framework.Session) (framework.Verdict, error) {
			time.Sleep(time.Minute)
			return framework.Continue, nil
		})
		conn := miltertest.NewRouterServer(t, r, miltertest.Configure(production)).Dial(t)
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Flush(t.Context()))
		time.Sleep(2 * time.Minute)
		resp, _, err := conn.EndOfMessage(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, []string{policyReply}, resp.Lines())
	})
}
