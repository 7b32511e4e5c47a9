package framework_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/printable"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// A peer or an SMTP client that causes the same again and again causes a few lines, and one
// that says how many others there were.
func TestFloods(t *testing.T) {
	t.Parallel()
	const flood = 300
	fails := func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
		return framework.Continue, errors.ErrUnsupported
	}
	perConnection := func(send func(t *testing.T, conn net.Conn, i int)) func(*testing.T, *miltertest.Server) {
		return func(t *testing.T, srv *miltertest.Server) {
			t.Helper()
			for i := range flood {
				conn := srv.DialRaw()
				send(t, conn, i)
				_, err := io.Copy(io.Discard, conn)
				require.NoError(t, err)
			}
		}
	}
	write := func(t *testing.T, conn net.Conn, p []byte) {
		t.Helper()
		_, err := conn.Write(p)
		require.NoError(t, err)
	}
	perMessage := func(t *testing.T, srv *miltertest.Server) {
		t.Helper()
		conn := srv.Dial(t)
		for range flood {
			conn.Run(t, miltertest.Message("A: b\n\nbody\n", miltertest.To(addresses(5)...)))
		}
	}
	tests := map[string]struct {
		line     string // the message of the lines
		level    slog.Level
		most     int // lines
		register func(r *framework.Router)
		set      func(cfg *framework.Config)
		run      func(t *testing.T, srv *miltertest.Server)
	}{
		"negotiations without a required action": {
			line: "MTA lacks an action", level: slog.LevelError, most: 10,
			register: func(r *framework.Router) { r.GrantAddHeader() },
			run: perConnection(func(t *testing.T, conn net.Conn, _ int) {
				t.Helper()
				write(t, conn, append(frames(t, &wire.Negotiate{Version: 6, Protocol: wire.KnownProtocol}), raw(byte(wire.CmdQuit), "")...))
			}),
		},
		"TLS at a listener without": {
			line: "connection is not from an MTA", level: slog.LevelWarn, most: 10,
			run: perConnection(func(t *testing.T, conn net.Conn, _ int) {
				t.Helper()
				write(t, conn, []byte("\x16\x03\x01\x02\x00\x01"))
			}),
		},
		"PROXY headers at a listener without": {
			line: "connection is not from an MTA", level: slog.LevelWarn, most: 10,
			run: perConnection(func(t *testing.T, conn net.Conn, _ int) {
				t.Helper()
				write(t, conn, []byte(announcing("192.0.2.25")))
			}),
		},
		"commands that do not exist, each another": {
			line: "MTA connection broke the protocol", level: slog.LevelWarn, most: 30,
			run: perConnection(func(t *testing.T, conn net.Conn, i int) {
				t.Helper()
				write(t, conn, append(opening(t), raw(byte(128+i%128), "")...))
			}),
		},
		"frames of no length": {
			line: "MTA connection broke the protocol", level: slog.LevelWarn, most: 10,
			run: perConnection(func(t *testing.T, conn net.Conn, _ int) {
				t.Helper()
				write(t, conn, append(opening(t), 0, 0, 0, 0))
			}),
		},
		"recipients without MAIL, in one connection each": {
			line: "MTA sent an event out of order", level: slog.LevelWarn, most: 10,
			run: perConnection(func(t *testing.T, conn net.Conn, _ int) {
				t.Helper()
				write(t, conn, append(append(opening(t), raw(byte(wire.CmdRcpt), "<a@example.org>\x00")...), raw(byte(wire.CmdQuit), "")...))
			}),
		},
		"sessions whose goroutine a filter ends": {
			line: "session failed", level: slog.LevelError, most: 10,
			register: func(r *framework.Router) {
				r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
					runtime.Goexit()
					return framework.Continue, nil
				})
			},
			run: perConnection(func(t *testing.T, conn net.Conn, _ int) {
				t.Helper()
				write(t, conn, append(opening(t), raw(byte(wire.CmdUnknown), "X\x00")...))
			}),
		},
		"unknown commands at which a handler fails": {
			line: "handler failed", level: slog.LevelError, most: 10,
			register: func(r *framework.Router) { r.OnUnknown(fails) },
			run: func(t *testing.T, srv *miltertest.Server) {
				t.Helper()
				conn := srv.Dial(t)
				for range flood {
					_, err := conn.Unknown(t.Context(), "HELP")
					require.NoError(t, err)
				}
			},
		},
		"messages at which a handler fails": {
			line: "handler failed", level: slog.LevelError, most: 10,
			register: func(r *framework.Router) {
				r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
					return framework.Continue, errors.ErrUnsupported
				})
			},
			run: perMessage,
		},
		"messages after which a function panics": {
			line: "AfterMessage function panicked", level: slog.LevelError, most: 10,
			register: func(r *framework.Router) {
				r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
					rt.AfterMessage(func(*framework.Session, *framework.MessageResult) { panic("always") })
					return next
				})
				r.OnEndOfMessage(goesOn)
			},
			run: perMessage,
		},
		"recipients that do not fit into memory": {
			line: "envelope not kept", level: slog.LevelWarn, most: 10,
			register: func(r *framework.Router) {
				r.WantEnvelope()
				r.OnRcpt(goesOn)
			},
			set: func(cfg *framework.Config) { cfg.MemoryBudget = int64(len("sender@example.org")) },
			run: perMessage,
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := framework.NewRouter()
				if c.register != nil {
					c.register(r)
				} else {
					r.OnMail(goesOn)
				}
				srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) {
					if c.set != nil {
						c.set(cfg)
					}
				}))
				c.run(t, srv)
				synctest.Wait()
				var lines int
				for _, line := range logged(srv, c.level) {
					if line.Message == c.line {
						lines++
					}
				}
				assert.Equal(t, c.most, lines)
				_, early := srv.Logs().Find("log lines suppressed")
				assert.False(t, early)
				time.Sleep(time.Minute)
				synctest.Wait()
				more, ok := srv.Logs().Find("log lines suppressed")
				require.True(t, ok)
				assert.Equal(t, c.level, more.Level)
				assertAttr(t, more, "line", c.line)
				assertAttr(t, more, "peer", "memory:mta")
				assertAttr(t, more, "suppressed", fmt.Sprint(flood-c.most))
				_, ok = miltertest.LogAttr(more, "session")
				assert.False(t, ok, "it is about many")
			})
		})
	}
}

func assertAttr(t *testing.T, line slog.Record, key, want string) {
	t.Helper()
	v, ok := miltertest.LogAttr(line, key)
	assert.True(t, ok, key)
	assert.Equal(t, want, v.String(), key)
}

// Handlers that hang and return later are no way to fill the log either.
func TestAbandonedHandlersFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const flood = 620
		r := framework.NewRouter()
		r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
			time.Sleep(time.Hour)
			return framework.Continue, nil
		})
		var out logBook
		srv := newServer(t, r, framework.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		for range flood {
			sendUnknown(t, srv)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Equal(t, 600, strings.Count(out.String(), `msg="abandoned handler returned"`))
		assert.Contains(t, out.String(), `line="abandoned handler returned" filter=main stage=unknown suppressed=20`)
		require.NoError(t, srv.Close())
	})
}

// sendUnknown opens a connection to the server, on which an MTA sends a command of a client
// and waits until the server closes the connection.
func sendUnknown(t *testing.T, srv *framework.Server) {
	t.Helper()
	near, far := miltertest.Pipe()
	command := append(opening(t), raw(byte(wire.CmdUnknown), "X\x00")...)
	go srv.ServeConn(far)
	go func() {
		_, _ = near.Write(command)
		_, _ = io.Copy(io.Discard, near)
	}()
}

// Handlers of sessions that a server leaves behind may fail after its end. What they did not
// write is counted when the last of them has returned.
func TestSuppressedAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out logBook
		r := framework.NewRouter()
		r.OnUnknown(func(s *framework.Session, _ *framework.Unknown) (framework.Verdict, error) {
			<-s.Context().Done()
			time.Sleep(50 * time.Millisecond)
			return framework.Continue, errors.ErrUnsupported
		})
		srv := newServer(t, r, framework.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		for range 25 {
			sendUnknown(t, srv)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, srv.Shutdown(ctx), context.DeadlineExceeded)
		assert.NotContains(t, out.String(), "handler failed")
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 10, strings.Count(out.String(), `msg="handler failed"`))
		assert.Equal(t, 1, strings.Count(out.String(), "log lines suppressed"))
		assert.Regexp(t, `line="handler failed" filter=main stage=unknown error=.* suppressed=15 `, out.String())
	})
}

// The end of a server says how many lines were suppressed, whichever end.
func TestSuppressedAtTheEnd(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*framework.Server) error{
		"Shutdown": func(srv *framework.Server) error { return srv.Shutdown(context.Background()) },
		"Close":    (*framework.Server).Close,
		"Shutdown, too late": func(srv *framework.Server) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if err := srv.Shutdown(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out logBook
			r := framework.NewRouter()
			r.OnUnknown(func(*framework.Session, *framework.Unknown) (framework.Verdict, error) {
				return framework.Continue, errors.ErrUnsupported
			})
			srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
			require.NoError(t, err)
			near, far := miltertest.Pipe()
			served := make(chan struct{})
			go func() {
				defer close(served)
				srv.ServeConn(far)
			}()
			conn := mta.NewConn(near, mta.Config{})
			require.NoError(t, conn.Negotiate(t.Context()))
			for range 25 {
				_, err := conn.Unknown(t.Context(), "HELP")
				require.NoError(t, err)
			}
			if name == "Shutdown" {
				require.NoError(t, conn.Quit(t.Context()))
				<-served
			}
			require.NoError(t, end(srv))
			assert.Regexp(t, `line="handler failed" filter=main stage=unknown error=.* suppressed=15 `, out.String())
			<-served
		})
	}
}

// logBook is a buffer that may be read while a server writes to it.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A filter bounds its own lines with BoundedLogger, on the session's logger or on another.
func TestBoundedLogger(t *testing.T) {
	t.Parallel()
	var out logBook
	theirs := slog.New(slog.NewTextHandler(&out, nil))
	r := framework.NewRouter()
	r.OnUnknown(func(s *framework.Session, _ *framework.Unknown) (framework.Verdict, error) {
		s.BoundedLogger(nil).Warn("bounded")
		s.BoundedLogger(theirs).Warn("theirs")
		s.Logger().Warn("not bounded")
		return framework.Continue, nil
	})
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for range 25 {
		_, err := conn.Unknown(t.Context(), "HELP")
		require.NoError(t, err)
	}
	require.NoError(t, conn.Quit(t.Context()))
	srv.Close(t)
	text := srv.Logs().String()
	assert.Equal(t, 10, strings.Count(text, "WARN bounded session="))
	assert.Equal(t, 25, strings.Count(text, "WARN not bounded session="))
	assert.Contains(t, text, "WARN log lines suppressed peer=memory:mta line=bounded filter=main suppressed=15")
	assert.Equal(t, 10, strings.Count(out.String(), "msg=theirs"))
	assert.Contains(t, out.String(), "line=theirs filter=main suppressed=15")
}

// Whatever a client or an MTA sends, and wherever it appears in the log, a terminal shows
// it, whatever handler the program passes.
func TestLinesArePrintable(t *testing.T) {
	t.Parallel()
	const hostile = "x\x1b[2J\u009b31m\u202e\u200b\xff"
	const shown = `x\x1b[2J\u009b31m\u202e\u200b\xff`
	r := framework.NewRouter()
	r.WantMacro(framework.StageMail, "i")
	r.OnHelo(func(s *framework.Session, e *framework.Helo) (framework.Verdict, error) {
		s.Annotate(slog.String("annotated", e.Name()), slog.Group("group", slog.String(e.Name(), e.Name())))
		s.Logger().Warn("hello from "+e.Name(), "helo", e.Name(), "error", errors.New(e.Name()), "list", []string{e.Name()})
		return framework.Continue, nil
	})
	trial := miltertest.FilterFunc("trial", func(r *framework.Router) error {
		add, rcpt := r.GrantAddHeader(), r.GrantDeleteRecipient()
		r.OnMail(func(s *framework.Session, e *framework.Mail) (framework.Verdict, error) {
			return framework.Continue, errors.Join(add.Append(s, "X-A", e.Sender()), rcpt.Delete(s, e.Raw()))
		})
		return nil
	})
	r.With(onTrial).Mount(trial)
	r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		switch e.Recipient() {
		case "fails":
			return framework.Continue, errors.New("cannot ask for " + hostile)
		case "panics":
			panic(hostile)
		}
		return framework.Reject, nil
	})
	_, err := r.Plan() // once, because the tests share the router
	require.NoError(t, err)
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"JSON": func(w io.Writer) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
		"text": func(w io.Writer) slog.Handler {
			return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out logBook
			srv := miltertest.NewRouterServer(t, r, miltertest.Configure(func(cfg *framework.Config) { cfg.Logger = slog.New(handler(&out)) }))
			conn := srv.Dial(t)
			_, err := conn.Helo(t.Context(), hostile)
			require.NoError(t, err)
			for _, rcpt := range []string{"<" + hostile + ">", "<fails>", "<panics>"} {
				require.NoError(t, conn.Macros(wire.CmdMail, []mta.Macro{{Name: "i", Value: hostile}}))
				_, err = conn.Mail(t.Context(), "<"+hostile+">")
				require.NoError(t, err)
				_, err = conn.Rcpt(t.Context(), rcpt)
				require.NoError(t, err)
				require.NoError(t, conn.Abort())
			}
			require.NoError(t, conn.Quit(t.Context()))
			srv.Close(t)
			text := out.String()
			for line := range strings.Lines(text) {
				for _, c := range strings.TrimSuffix(line, "\n") {
					assert.True(t, printable.Rune(c), "%+q in %+q", c, line)
				}
			}
			assert.NotContains(t, text, "\ufffd")
			if name == "text" {
				for _, want := range []string{
					`msg="hello from ` + strings.ReplaceAll(shown, `\`, `\\`), `annotated=` + shown, `helo=` + shown, `error=` + shown,
					`recipient=<` + shown + `>`, `queue_id=` + shown, `value=` + shown, `name=<` + shown + `>`, `msg="recipient refused"`,
				} {
					assert.Contains(t, text, want)
				}
			}
		})
	}
}
