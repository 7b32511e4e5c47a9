package framework_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
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

// A line names the deadline or the reason, not what the system reports of it.
func TestDeadlinesAreNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		run  func(t *testing.T, srv *miltertest.Server)
		want string
	}{
		"no offer": {func(_ *testing.T, srv *miltertest.Server) {
			srv.DialRaw()
			time.Sleep(time.Hour)
		}, "framework: timeout before the negotiation"},
		"silence": {func(t *testing.T, srv *miltertest.Server) {
			t.Helper()
			srv.Dial(t)
			time.Sleep(3 * time.Hour)
		}, "framework: idle timeout"},
		"half a command": {func(t *testing.T, srv *miltertest.Server) {
			t.Helper()
			require.NoError(t, srv.Dial(t).Raw(t.Context(), []byte{0, 0, 0, 9, 'M'}))
			time.Sleep(time.Hour)
		}, "framework: timeout within a command"},
		"a peer that does not read": {func(t *testing.T, srv *miltertest.Server) {
			t.Helper()
			conn := srv.DialRaw()
			p := append(opening(t), bytes.Repeat(raw(byte(wire.CmdUnknown), "X\x00"), 1<<18)...)
			go func() { _, _ = conn.Write(p) }()
			time.Sleep(time.Hour)
			_ = conn.Close()
		}, "framework: timeout of a write"},
		"a peer that closes": {func(t *testing.T, srv *miltertest.Server) {
			t.Helper()
			require.NoError(t, srv.Dial(t).Close())
			synctest.Wait()
		}, "framework: the MTA closed the connection"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				r.OnUnknown(says[*framework.Unknown](framework.Continue))
				r.OnMail(goesOn)
				srv := miltertest.NewRouterServer(t, r)
				c.run(t, srv)
				line, ok := srv.Logs().Find("MTA connection ended")
				require.True(t, ok)
				assertAttr(t, line, "reason", c.want)
			})
		})
	}
}

// A server that closes its connections says so, in memory and on a socket.
func TestClosedServerIsNamed(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix", "memory"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			var out logBook
			r := framework.NewRouter()
			r.OnMail(goesOn)
			srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			require.NoError(t, err)
			near, far := pair(t, network)
			served := make(chan struct{})
			go func() {
				defer close(served)
				srv.ServeConn(far)
			}()
			require.NoError(t, mta.NewConn(near, mta.Config{}).Negotiate(t.Context()))
			require.NoError(t, srv.Close())
			<-served
			assert.Contains(t, out.String(), `msg="MTA connection ended"`)
			assert.Contains(t, out.String(), `reason="framework: server closed"`)
		})
	}
}

// pair returns the two ends of a connection.
func pair(t *testing.T, network string) (near, far net.Conn) {
	t.Helper()
	if network == "memory" {
		return miltertest.Pipe()
	}
	address := "127.0.0.1:0"
	if network == "unix" {
		address = t.TempDir() + "/s"
	}
	ln, err := net.Listen(network, address)
	require.NoError(t, err)
	defer func() { assert.NoError(t, ln.Close()) }()
	near, err = net.Dial(network, ln.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = near.Close() })
	far, err = ln.Accept()
	require.NoError(t, err)
	return near, far
}

// errTimedOut is what a connection returns whose deadline was set by a context.
var errTimedOut = &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}

// slowReader fails as a connection does, after a long time.
type slowReader struct{ wait time.Duration }

func (r slowReader) Read([]byte) (int, error) {
	time.Sleep(r.wait)
	return 0, net.ErrClosed
}

// A handler that fails because the MTA is gone, or because the server was closed, is logged
// with that reason, too.
func TestHandlerOfGoneMTAIsNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		end  func(mta net.Conn, srv *framework.Server) error
		want string
	}{
		"MTA":    {func(mta net.Conn, _ *framework.Server) error { return mta.Close() }, "the MTA closed the connection"},
		"server": {func(_ net.Conn, srv *framework.Server) error { return srv.Close() }, "server closed"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out logBook
			r := framework.NewRouter()
			begun := make(chan struct{})
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				close(begun)
				<-s.Context().Done()
				return framework.Continue, net.ErrClosed
			})
			srv, err := framework.NewServer(r, framework.Config{
				Logger: slog.New(slog.NewTextHandler(&out, nil)), ProgressInterval: 20 * time.Millisecond,
			})
			require.NoError(t, err)
			near, far := pair(t, "unix")
			served := make(chan struct{})
			go func() {
				defer close(served)
				srv.ServeConn(far)
			}()
			conn := mta.NewConn(near, mta.Config{})
			require.NoError(t, conn.Negotiate(t.Context()))
			conn.Frame(byte(wire.CmdMail), []byte("<a@example.org>\x00"))
			require.NoError(t, conn.Flush(t.Context()))
			<-begun
			require.NoError(t, c.end(near, srv))
			<-served
			assert.Contains(t, out.String(), `failed at mail: framework: `+c.want+`: use of closed network connection`)
		})
	}
}

// A handler that fails because its time is over is logged with that reason, whatever error
// it returns.
func TestHandlerDeadlinesAreNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		register func(r *framework.Router)
		want     string
	}{
		"i/o timeout": {
			register: func(r *framework.Router) {
				r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
					time.Sleep(26500 * time.Millisecond)
					return framework.Continue, errTimedOut
				})
			},
			want: `framework: filter "main" failed at mail: framework: handler timeout: read tcp: i/o timeout`,
		},
		"closed connection": {
			register: func(r *framework.Router) {
				r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
					<-s.Context().Done()
					return framework.Continue, net.ErrClosed
				})
			},
			want: `framework: filter "main" failed at mail: framework: handler timeout: use of closed network connection`,
		},
		"the context's error": {
			register: func(r *framework.Router) {
				r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
					<-s.Context().Done()
					return framework.Continue, s.Context().Err()
				})
			},
			want: `framework: filter "main" failed at mail: framework: handler timeout: context canceled`,
		},
		"the cause itself": {
			register: func(r *framework.Router) {
				r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
					<-s.Context().Done()
					return framework.Continue, context.Cause(s.Context())
				})
			},
			want: `framework: filter "main" failed at mail: framework: handler timeout`,
		},
		"a reader of a body": {
			register: func(r *framework.Router) {
				body := r.GrantReplaceBody()
				r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
					return framework.Continue, body.ReplaceFrom(s, slowReader{271500 * time.Millisecond})
				})
			},
			want: `framework: filter "main" failed at end of message: replacebody: framework: handler timeout: use of closed network connection`,
		},
		"an error of its own, in time": {
			register: func(r *framework.Router) {
				r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
					return framework.Continue, errTimedOut
				})
			},
			want: `framework: filter "main" failed at mail: read tcp: i/o timeout`,
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				c.register(r)
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(production))
				srv.Dial(t).Run(t, miltertest.Message("A: b\n\nbody\n"))
				synctest.Wait()
				line, ok := srv.Logs().Find("handler failed")
				require.True(t, ok, srv.Logs().String())
				assertAttr(t, line, "error", c.want)
			})
		})
	}
}
