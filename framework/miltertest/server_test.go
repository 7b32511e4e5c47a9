package miltertest_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
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

func TestServerRunsManyMessages(t *testing.T) {
	t.Parallel()
	srv := miltertest.NewServer(t, numberer())
	conn := srv.Dial(t)
	for _, want := range []string{"1", "2", "3"} {
		res := conn.Run(t, miltertest.Message(plain))
		res.AssertAccepted(t)
		assert.Equal(t, want, res.Header("X-Number"))
	}
	other := srv.Dial(t).Run(t, miltertest.Message(plain))
	assert.Equal(t, "1", other.Header("X-Number"), "another connection is another session")
}

func TestServerServesManyMTAs(t *testing.T) {
	t.Parallel()
	srv := miltertest.NewServer(t, numberer())
	var group sync.WaitGroup
	conns := make([]*miltertest.Conn, 8)
	for i := range conns {
		conns[i] = srv.Dial(t)
	}
	for _, conn := range conns {
		group.Go(func() {
			for range 3 {
				out, err := conn.Send(t.Context(), miltertest.Message(plain))
				if assert.NoError(t, err) {
					assert.NotNil(t, out.Edited)
				}
			}
		})
	}
	group.Wait()
	for _, conn := range conns {
		assert.Equal(t, 3, strings.Count(conn.Transcript(), "MTA SMFIC_BODYEOB"))
		assert.Contains(t, conn.Transcript(), `FLT SMFIR_ADDHEADER "X-Number" "3"`)
	}
}

// The result of one of several messages contains only what belongs to that
// message.
func TestConnRunCutsByMessage(t *testing.T) {
	t.Parallel()
	conn := miltertest.NewServer(t, atEnd(func(s *session) (framework.Verdict, error) {
		s.Logger().Info("at the end")
		return framework.Continue, nil
	})).Dial(t)
	first := conn.Run(t, miltertest.Message(plain))
	second := conn.Run(t, miltertest.Message(plain))
	for _, res := range []*miltertest.Result{first, second} {
		assert.Len(t, res.Logs, 1)
		assert.Equal(t, 1, strings.Count(res.Transcript, "MTA SMFIC_BODYEOB"))
		assert.True(t, strings.HasSuffix(res.Transcript, "MTA SMFIC_ABORT\n"), res.Transcript)
	}
	assert.Equal(t, conn.Transcript(), conn.Transcript()[:len(conn.Transcript())-len(first.Transcript)-len(second.Transcript)]+
		first.Transcript+second.Transcript)
}

func TestRunRouter(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(editor())
	r.Mount(numberer())
	for range 2 {
		res := miltertest.RunRouter(t, r, miltertest.Message(plain))
		assert.Equal(t, "yes", res.Header("X-Seen"))
		assert.Equal(t, "1", res.Header("X-Number"))
	}
	srv := miltertest.NewRouterServer(t, r)
	assert.True(t, srv.Plan().Actions.Has(wire.ActionAddHdrs))
}

func TestOptions(t *testing.T) {
	t.Parallel()
	failing := atEnd(func(*session) (framework.Verdict, error) { return framework.Continue, errors.New("broken") })
	t.Run("FailClosed is the default", func(t *testing.T) {
		t.Parallel()
		miltertest.Run(t, failing, miltertest.Message(plain)).AssertTempFailed(t)
	})
	t.Run("Lane", func(t *testing.T) {
		t.Parallel()
		res := miltertest.Run(t, failing, miltertest.Message(plain), miltertest.Lane(framework.FailOpen()))
		res.AssertUnmodified(t)
		rec, ok := res.Logs.Find("handler failed")
		require.True(t, ok)
		filter, _ := miltertest.LogAttr(rec, "filter")
		assert.Equal(t, "at-end", filter.String())
	})
	t.Run("MTA", func(t *testing.T) {
		t.Parallel()
		cfg := mta.Config{Offer: mta.PostfixOffer(2)}
		res := miltertest.Run(t, quiet(), miltertest.Message(plain), miltertest.MTA(cfg))
		assert.Equal(t, uint32(2), res.Negotiated.Version)
	})
	t.Run("DialMTA", func(t *testing.T) {
		t.Parallel()
		srv := miltertest.NewServer(t, quiet())
		for version := uint32(2); version <= 6; version++ {
			conn := srv.DialMTA(t, mta.Config{Offer: mta.PostfixOffer(version)})
			negotiated, _ := conn.Negotiated()
			assert.Equal(t, version, negotiated.Version)
		}
	})
	t.Run("Configure", func(t *testing.T) {
		t.Parallel()
		var mine bytes.Buffer
		res := miltertest.Run(t, failing, miltertest.Message(plain), miltertest.Configure(func(c *framework.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&mine, nil))
		}))
		assert.Contains(t, mine.String(), "handler failed")
		_, ok := res.Logs.Find("handler failed")
		assert.True(t, ok, "the kit gets the records too")
	})
}

func TestDialRaw(t *testing.T) {
	t.Parallel()
	srv := miltertest.NewServer(t, quiet())
	conn := srv.DialRaw()
	_, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	require.NoError(t, err)
	rest, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Empty(t, rest)
	srv.Close(t)
	rec, ok := srv.Logs().Find("connection is not from an MTA")
	require.True(t, ok, srv.Logs())
	assert.Equal(t, slog.LevelDebug, rec.Level)
}

func TestServerEndsTheTest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		body func(t *fakeT)
		want string
	}{
		{"a filter that cannot be registered", func(t *fakeT) {
			miltertest.NewServer(t, miltertest.FilterFunc("bad", func(*framework.Router) error { return errors.New("no key") }))
		}, "no key"},
		{"lane options for a router", func(t *fakeT) {
			miltertest.NewRouterServer(t, framework.NewRouter(), miltertest.Lane(framework.DryRun()))
		}, "pass the lane options to Router.Mount"},
		{"a server that was closed", func(t *fakeT) {
			srv := miltertest.NewServer(t, quiet())
			srv.Close(t)
			srv.Dial(t)
		}, "miltertest: negotiation failed"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, ft := trial(tc.body)
			assert.True(t, ft.ended)
			assert.Contains(t, out, tc.want)
		})
	}
}

// An MTA that lacks an action that the filter requires gets a refusal, as any other MTA may.
// The log of a failed test says why.
func TestMTALacksAnAction(t *testing.T) {
	t.Parallel()
	lacking := miltertest.As(miltertest.Postfix().WithoutActions(wire.ActionAddHdrs))
	miltertest.Run(t, editor(), miltertest.Message(plain), lacking).AssertTempFailed(t)
	out, ft := trial(func(t *fakeT) {
		miltertest.Run(t, editor(), miltertest.Message(plain), lacking).AssertAccepted(t)
	})
	assert.True(t, ft.failed)
	assert.Contains(t, out, "MTA lacks an action")
	assert.Contains(t, out, "SMFIF_ADDHDRS")
}

func TestFailedTestShowsWhatHappened(t *testing.T) {
	t.Parallel()
	out, ft := trial(func(t *fakeT) {
		miltertest.Run(t, editor(), miltertest.Message(plain)).AssertRejected(t)
	})
	assert.True(t, ft.failed)
	assert.Contains(t, out, "MTA SMFIC_BODYEOB")
	assert.Contains(t, out, "MTA connection ended")

	out, _ = trial(func(t *fakeT) {
		miltertest.Run(t, editor(), miltertest.Message(plain)).AssertAccepted(t)
	})
	assert.Empty(t, out, "a test that passes says nothing")
}

func TestServerFindsGoroutinesLeft(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			defer close(stop)
			starter := atEnd(func(*session) (framework.Verdict, error) {
				go func() { <-stop }()
				return framework.Continue, nil
			})
			var opts []miltertest.Option
			if allowed {
				opts = append(opts, miltertest.AllowGoroutines())
			}
			out, ft := trial(func(t *fakeT) { miltertest.Run(t, starter, miltertest.Message(plain), opts...) })
			assert.Equal(t, !allowed, ft.failed, out)
			if !allowed {
				assert.Contains(t, out, "goroutines that a handler started are still running")
				assert.Contains(t, out, "TestServerFindsGoroutinesLeft", "the stack says where")
			}
		})
	}
}

func TestServerFindsSessionsThatGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		stuck := miltertest.FilterFunc("stuck", func(r *framework.Router) error {
			r.ObserveClose(func(*session, *framework.Close) error {
				<-stop
				return nil
			})
			return nil
		})
		out, ft := trial(func(t *fakeT) { miltertest.NewServer(t, stuck).Dial(t).Run(t, miltertest.Message(plain)) })
		assert.True(t, ft.failed)
		assert.Contains(t, out, "a session did not end after its MTA disconnected")
		assert.Contains(t, out, "TestServerFindsSessionsThatGoOn", "the stack says where")
		close(stop)
	})
}

// The clock of a bubble shows that nothing waits in real time: the deadline
// ends the handler, and the MTA receives progress reports meanwhile.
func TestRunInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := atEnd(func(s *session) (framework.Verdict, error) {
			<-s.Context().Done()
			return framework.Continue, s.Context().Err()
		})
		began := time.Now()
		res := miltertest.Run(t, slow, miltertest.Message(plain), miltertest.Configure(func(c *framework.Config) {
			c.MessageTimeout = time.Hour
			c.ProgressInterval = time.Minute
		}))
		res.AssertTempFailed(t)
		assert.InDelta(t, time.Hour, time.Since(began), float64(time.Minute))
		assert.InDelta(t, 60, strings.Count(res.Transcript, "FLT SMFIR_PROGRESS"), 2)
	})
}
