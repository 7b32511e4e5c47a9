package framework_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// asyncEnds are the ways in which a message ends before its function has returned.
var asyncEnds = map[string]func(ctx context.Context, conn *miltertest.Conn) error{
	"ABORT": func(_ context.Context, conn *miltertest.Conn) error { return conn.Abort() },
	"another MAIL": func(ctx context.Context, conn *miltertest.Conn) error {
		_, err := conn.Mail(ctx, "<next@example.org>")
		return err
	},
	"HELO": func(ctx context.Context, conn *miltertest.Conn) error {
		_, err := conn.Helo(ctx, "client")
		return err
	},
	"a refusal by another filter": func(ctx context.Context, conn *miltertest.Conn) error {
		_, err := conn.Header(ctx, "Refuse", " me")
		return err
	},
	"a verdict of another filter that discards": func(ctx context.Context, conn *miltertest.Conn) error {
		_, err := conn.Header(ctx, "Discard", " me")
		return err
	},
	"the end of the message": func(ctx context.Context, conn *miltertest.Conn) error {
		_, _, err := conn.EndOfMessage(ctx, nil)
		return err
	},
	"QUIT_NC":                   func(_ context.Context, conn *miltertest.Conn) error { return conn.QuitNC() },
	"QUIT":                      func(ctx context.Context, conn *miltertest.Conn) error { return conn.Quit(ctx) },
	"the end of the connection": func(_ context.Context, conn *miltertest.Conn) error { return conn.Close() },
	"a protocol error": func(ctx context.Context, conn *miltertest.Conn) error {
		conn.Frame('?', nil)
		return conn.Flush(ctx)
	},
	"the end of the handler's goroutine": func(ctx context.Context, conn *miltertest.Conn) error {
		if _, err := conn.Header(ctx, "Goexit", " now"); err == nil {
			return errors.New("the connection is still open")
		}
		return nil
	},
}

// However a message ends, the context of its function ends, and the session does not wait.
func TestAsyncEndsWithTheMessage(t *testing.T) {
	t.Parallel()
	for name, end := range asyncEnds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				causes := make(chan error, 2)
				fn := func(ctx context.Context) (int, error) {
					<-ctx.Done()
					causes <- context.Cause(ctx)
					time.Sleep(time.Second) // the session does not wait for that
					return 1, nil
				}
				r := framework.NewRouter()
				r.Mount(miltertest.FilterFunc("starts", func(r *framework.Router) error {
					message, session := framework.Async[int](r), framework.AsyncPerConnection[int](r)
					r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return nil })
					r.ObserveMail(func(s *framework.Session, m *framework.Mail) error {
						if m.Sender() == "next@example.org" {
							return nil
						}
						if err := session.Start(s, takes(time.Hour, 1)); err != nil {
							return err
						}
						return message.Start(s, fn)
					})
					return nil
				}))
				r.Mount(miltertest.FilterFunc("decides", decidesByHeader))
				conn := miltertest.NewRouterServer(t, r).Dial(t)
				_, err := conn.Mail(t.Context(), "<a@example.org>")
				require.NoError(t, err)
				require.NoError(t, conn.Flush(t.Context()))
				synctest.Wait()
				assert.Empty(t, causes)
				began := time.Now()
				require.NoError(t, end(t.Context(), conn))
				_ = conn.Flush(t.Context())
				assert.Zero(t, time.Since(began))
				synctest.Wait()
				require.Len(t, causes, 1)
				assert.ErrorIs(t, <-causes, framework.ErrMessageOver)
			})
		})
	}
}

// decidesByHeader registers a handler that does what a header field says.
func decidesByHeader(r *framework.Router) error {
	r.OnHeader(func(_ *framework.Session, h *framework.Header) (framework.Verdict, error) {
		switch h.Name() {
		case "Refuse":
			return framework.Reject, nil
		case "Discard":
			return framework.Discard, nil
		case "Goexit":
			runtime.Goexit()
		}
		return framework.Continue, nil
	})
	return nil
}

// A value of a connection outlives its messages, and ends with the SMTP session.
func TestAsyncPerConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		causes := make(chan error, 2)
		started := 0
		srv := miltertest.NewServer(t, miltertest.FilterFunc("f", func(r *framework.Router) error {
			quick, slow := framework.AsyncPerConnection[int](r), framework.AsyncPerConnection[int](r)
			r.ObserveConnect(func(s *framework.Session, _ *framework.Connect) error {
				started++
				if err := quick.Start(s, takes(time.Second, started)); err != nil {
					return err
				}
				return slow.Start(s, func(ctx context.Context) (int, error) {
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return 0, nil
				})
			})
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				got, err := quick.Wait(s)
				assert.Equal(t, started, got)
				assert.False(t, slow.Ready(s))
				return framework.Continue, err
			})
			return nil
		}))
		conn := srv.Dial(t)
		for range 2 {
			conn.Run(t, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
			conn.Run(t, miltertest.Message("A: b\n\nc\n")).AssertAccepted(t)
			assert.Empty(t, causes)
			require.NoError(t, conn.QuitNC())
			require.NoError(t, conn.Flush(t.Context()))
			synctest.Wait()
			require.Len(t, causes, 1)
			assert.ErrorIs(t, <-causes, framework.ErrSessionOver)
		}
	})
}

// No value of one message is seen in another one, whenever its function returns. Wait gives
// the value of the message at hand, or says that it was not started.
func TestAsyncNeverLeaksAValue(t *testing.T) {
	t.Parallel()
	base := uint64(time.Now().UnixNano())
	for i := range uint64(60) {
		seed := i // every second seed is fixed, the others differ in each run
		if i%2 == 1 {
			seed = base + i
		}
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testAsyncValues(t, rand.New(rand.NewPCG(seed, 3))) })
		})
	}
}

func testAsyncValues(t *testing.T, random *rand.Rand) {
	t.Helper()
	type plan struct {
		starts, waits bool
		took          time.Duration
		heeds         bool
	}
	var now plan
	sent := 0
	fn := func() func(context.Context) (int, error) {
		if now.heeds {
			return takes(now.took, sent)
		}
		return stays(now.took, sent)
	}
	r := framework.NewRouter(framework.FailOpen())
	value := framework.Async[int](r)
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		assert.False(t, value.Ready(s), "nothing is left of another message")
		if now.starts {
			return framework.Continue, value.Start(s, fn())
		}
		return framework.Continue, nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		if !now.waits {
			return framework.Continue, nil
		}
		got, err := value.Wait(s)
		if now.starts {
			assert.NoError(t, err)
			assert.Equal(t, sent, got)
		} else {
			assert.ErrorContains(t, err, "without Start")
			assert.Zero(t, got)
		}
		return framework.Continue, nil
	})
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	for range 30 {
		sent++
		now = plan{random.IntN(4) > 0, random.IntN(3) == 0, time.Duration(random.IntN(40)) * time.Millisecond, random.IntN(2) == 0}
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		switch random.IntN(4) {
		case 0:
			require.NoError(t, conn.Abort())
		case 1:
			require.NoError(t, conn.QuitNC())
		case 2: // MAIL ends the message
		default:
			_, _, err = conn.EndOfMessage(t.Context(), nil)
			require.NoError(t, err)
		}
	}
}

// The MTA goes away while a handler waits: the wait ends, and so does the function. It
// needs a socket, because the kernel reports that the MTA has closed.
func TestAsyncPeerGone(t *testing.T) {
	t.Parallel()
	waited, ended := make(chan error, 1), make(chan error, 1)
	r := framework.NewRouter()
	value := framework.Async[int](r)
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		err := value.Start(s, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return 0, ctx.Err()
		})
		if err == nil {
			_, err = value.Wait(s)
		}
		waited <- err
		return framework.Continue, err
	})
	addr := serveSocket(t, "tcp", r, framework.Config{ProgressInterval: 20 * time.Millisecond})
	raw, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	conn := mta.NewConn(raw, mta.Config{})
	require.NoError(t, conn.Negotiate(t.Context()))
	conn.Frame('M', []byte("<a@example.org>\x00"))
	require.NoError(t, conn.Flush(t.Context()))
	require.NoError(t, conn.Close())
	assert.ErrorIs(t, <-waited, framework.ErrPeerGone)
	assert.ErrorIs(t, <-ended, framework.ErrPeerGone)
}
