package remote_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// A shadow asks for no modification, and makes the MTA wait for no answer.
func TestShadowPlan(t *testing.T) {
	t.Parallel()
	everything := remote.Everything()
	f := lane(t, remote.Config{Name: "shadow", Wishes: &everything, Shadow: &remote.Shadow{Of: "other"}}, "unix:/nowhere")
	r := framework.NewRouter()
	r.Mount(f)
	r.Mount(miltertest.FilterFunc("other", func(r *framework.Router) error {
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, nil
		})
		return nil
	}))
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.Zero(t, plan.Actions)
	assert.Equal(t, wire.ActionSetSymList, plan.Optional)
	const silent = wire.ProtoNRConn | wire.ProtoNRHelo | wire.ProtoNRMail | wire.ProtoNRRcpt | wire.ProtoNRData |
		wire.ProtoNRHdr | wire.ProtoNREOH | wire.ProtoNRBody | wire.ProtoNRUnkn
	assert.True(t, plan.Protocol.Has(silent), plan.Protocol.String())
}

// What is wrong with the configuration is found at the start, not by missing reports.
func TestShadowMistakes(t *testing.T) {
	t.Parallel()
	for text, sh := range map[string]remote.Shadow{
		"Shadow.Of is empty": {},
		`Shadow.Of is "shadow", which is the shadow itself`: {Of: "shadow"},
		"Shadow.MaxQueued is negative":                      {Of: "other", MaxQueued: -1},
	} {
		_, err := remote.New(remote.Config{Name: "shadow", Addresses: []string{"unix:/nowhere"}, Shadow: &sh})
		require.ErrorContains(t, err, text)
	}
	everything := remote.Everything()
	r := framework.NewRouter()
	r.Mount(lane(t, remote.Config{Name: "shadow", Wishes: &everything, Shadow: &remote.Shadow{Of: "misspelt"}}, "unix:/nowhere"))
	r.Mount(passing("other"))
	_, err := r.Plan()
	var mistake *framework.RegistrationError
	require.ErrorAs(t, err, &mistake)
	assert.Equal(t, "shadow", mistake.Filter)
	assert.ErrorContains(t, err, `WantFilterResult of "misspelt": the router has no filter of this name`)
}

// senderDecides is a filter that refuses at MAIL or at the end of the message, or adds a field,
// as the sender tells it.
func senderDecides(name string) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add, order := r.GrantAddHeader(), framework.PerMessage[string](r)
		r.OnMail(func(s *framework.Session, e *framework.Mail) (framework.Verdict, error) {
			*order.Get(s) = e.Sender()
			if strings.HasPrefix(e.Sender(), name+"-refuse") {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			switch sender := *order.Get(s); {
			case strings.HasPrefix(sender, name+"-late"):
				return framework.TempFail, nil
			case strings.HasPrefix(sender, name+"-add"):
				return framework.Continue, add.Append(s, "X-Who", sender)
			}
			return framework.Continue, nil
		})
		return nil
	})
}

// Each message of a session is compared by itself, whether it ends, is aborted or refused.
func TestShadowOfManyMessages(t *testing.T) {
	t.Parallel()
	r, f, seen := shadowing(t, remote.Config{}, serve(t, senderDecides("far")), senderDecides("other"))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	_, err := conn.Helo(t.Context(), "client.example")
	require.NoError(t, err)
	var want []string
	rounds := 0
	for n := range 5 {
		for sender, report := range map[string]string{
			"same":         "",
			"abort":        "",
			"far-refuse":   "reject at mail, not continue at connect",
			"other-refuse": "continue at connect, not reject at mail",
			"far-late":     "tempfail at end of message, not continue at connect",
			"other-late":   "continue at end of message, not tempfail at end of message",
			"far-add":      `+addheader X-Who " far-add%d@example.org" at 1`,
			"other-add":    `-addheader X-Who " other-add%d@example.org" at 1`,
		} {
			rounds++
			if strings.Contains(report, "%d") {
				report = fmt.Sprintf(report, n)
			}
			if report != "" {
				want = append(want, report)
			}
			resp, err := conn.Mail(t.Context(), fmt.Sprintf("<%s%d@example.org>", sender, n))
			require.NoError(t, err)
			if resp.Code == wire.RepContinue && sender != "abort" {
				_, err := conn.Header(t.Context(), "Subject", " hello")
				require.NoError(t, err)
				_, _, err = conn.EndOfMessage(t.Context(), nil)
				require.NoError(t, err)
			}
			require.NoError(t, conn.Abort())
		}
	}
	require.NoError(t, conn.Flush(t.Context()))
	c := settle(t, f, rounds)
	assert.ElementsMatch(t, want, seen.texts())
	assert.Equal(t, remote.ShadowStats{Compared: uint64(rounds - 5), Differed: uint64(len(want)), Undecided: 5}, c)
	require.NoError(t, conn.Close())
	srv.Close(t)
}

// If another filter ends the message before the two have decided, nothing is reported.
func TestShadowOfUndecided(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"before both": true, "between them": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := new(reports)
			f := lane(t, remote.Config{Name: "shadow", Shadow: &remote.Shadow{Of: "other", Report: seen.add}}, serve(t, deciding("far", framework.StageMail, framework.Reject)))
			r := framework.NewRouter()
			third := deciding("third", framework.StageMail, framework.TempFail)
			if first {
				r.Mount(third)
			}
			r.Mount(f)
			if !first {
				r.Mount(third)
			}
			r.Mount(passing("other"))
			assert.Nil(t, miltertest.RunRouter(t, r, letter()).Edited)
			assert.Equal(t, remote.ShadowStats{Undecided: 1}, settle(t, f, 1))
			assert.Empty(t, seen.texts())
		})
	}
}

// Normalize takes away what does not matter.
func TestShadowNormalize(t *testing.T) {
	t.Parallel()
	adds := func(name, value string) framework.Filter {
		return editing(name,
			func(s *framework.Session, g *every) error { return g.insert.InsertTop(s, "X-Signature", value) },
			func(s *framework.Session, g *every) error { return g.insert.Append(s, "X-By", name) })
	}
	sh := &remote.Shadow{Normalize: func(e remote.Edit) (remote.Edit, bool) {
		e.Value, _, _ = strings.Cut(e.Value, "t=")
		return e, e.Name != "X-By"
	}}
	for value, want := range map[string][]string{
		"a; t=2": nil,
		"b; t=1": {`+addheader X-Signature " a; " at 0; -addheader X-Signature " b; " at 0`},
	} {
		r, f, seen := shadowing(t, remote.Config{Shadow: sh}, serve(t, adds("far", "a; t=1")), adds("other", value))
		miltertest.RunRouter(t, r, letter())
		settle(t, f, 1)
		assert.Equal(t, want, seen.texts())
	}
}

// The message is answered while the milter has not answered a single command.
func TestShadowDelaysNothing(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := &puppet{reply: func(wire.Frame) ([]byte, bool) {
		<-release
		return bare(wire.RepContinue), true
	}}
	everything := remote.Everything()
	r, f, seen := shadowing(t, remote.Config{Wishes: &everything}, p.start(t), passing("other"))
	require.NotNil(t, miltertest.RunRouter(t, r, letter(), miltertest.AllowGoroutines()).Edited)
	assert.Zero(t, f.ShadowStats())
	close(release)
	assert.Equal(t, remote.ShadowStats{Compared: 1}, settle(t, f, 1))
	assert.Empty(t, seen.texts())
}

// What finds no room in the memory for shadows is skipped, and the next message is compared.
func TestShadowSkips(t *testing.T) {
	t.Parallel()
	r, f, _ := shadowing(t, remote.Config{Shadow: &remote.Shadow{MaxQueued: 1}}, serve(t, passing("far")), passing("other"))
	require.NotNil(t, miltertest.RunRouter(t, r, letter()).Edited)
	assert.Equal(t, remote.ShadowStats{Skipped: 1}, settle(t, f, 1))

	r, f, seen := shadowing(t, remote.Config{Shadow: &remote.Shadow{MaxQueued: 64 << 10}}, serve(t, passing("far")), passing("other"))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	large := letter()
	large.Body = []byte(strings.Repeat("x", 100<<10))
	for n, msg := range []*mta.Message{large, letter()} {
		out, err := conn.Send(t.Context(), msg)
		require.NoError(t, err)
		require.NotNil(t, out.Edited)
		settle(t, f, n+1)
	}
	assert.Equal(t, remote.ShadowStats{Skipped: 1, Compared: 1}, f.ShadowStats())
	assert.Empty(t, seen.texts())
	require.NoError(t, conn.Close())
	srv.Close(t)
}

// A limit of the server that the message exceeds for the shadow's sake does not touch it.
func TestShadowBeyondLimits(t *testing.T) {
	t.Parallel()
	r, f, seen := shadowing(t, remote.Config{}, serve(t, editing("far")), miltertest.FilterFunc("other", func(r *framework.Router) error {
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
		return nil
	}))
	few := miltertest.Configure(func(cfg *framework.Config) { cfg.MaxHeaders = 1 })
	require.NotNil(t, miltertest.RunRouter(t, r, letter(), few).Edited)
	assert.Equal(t, remote.ShadowStats{Failed: 1}, settle(t, f, 1))
	require.Len(t, seen.all, 1)
	assert.ErrorContains(t, seen.all[0].Err, "a limit of the server was exceeded")
}

// A milter that fails again and again is ejected, and the reports say so.
func TestShadowEjects(t *testing.T) {
	t.Parallel()
	p := &puppet{reply: func(wire.Frame) ([]byte, bool) { return nil, false }}
	r, f, seen := shadowing(t, remote.Config{EjectAfter: 1, EjectFor: time.Hour}, p.start(t), passing("other"))
	srv := miltertest.NewRouterServer(t, r)
	for n := range 2 {
		out, err := srv.Dial(t).Send(t.Context(), letter())
		require.NoError(t, err)
		require.NotNil(t, out.Edited)
		settle(t, f, n+1)
	}
	srv.Close(t)
	require.Len(t, seen.all, 2)
	assert.ErrorContains(t, seen.all[1].Err, "it failed in its last sessions and is not asked for now")
}

// lockedBuffer is a buffer for a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Without Report the log has a line for each message that differs, with names and no values. A
// Report that panics harms no more than itself.
func TestShadowLog(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	to := miltertest.Configure(func(cfg *framework.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	far := serve(t, editing("far", written()["append"].do, written()["sender"].do))
	run := func(sh remote.Shadow, addr string) *remote.Filter {
		sh.Of = "other"
		f := lane(t, remote.Config{Name: "shadow", Shadow: &sh}, addr)
		r := framework.NewRouter()
		r.Mount(f)
		r.Mount(editing("other", written()["change"].do))
		require.NotNil(t, miltertest.RunRouter(t, r, letter(), to).Edited)
		settle(t, f, 1)
		return f
	}
	run(remote.Shadow{}, far)
	assert.Contains(t, log.String(), `level=INFO msg="shadow differs"`)
	assert.Contains(t, log.String(), `filter=shadow of=other message=1 queue_id=4ZsluiceZ1 extra="addheader X-A, chgfrom" missing="chgheader Subject"`)

	f := run(remote.Shadow{Report: func(remote.Difference) { panic("boom") }}, far)
	assert.Contains(t, log.String(), `msg="shadow panicked"`)
	assert.EqualValues(t, 1, f.ShadowStats().Failed)

	died := &puppet{reply: func(wire.Frame) ([]byte, bool) { return nil, false }}
	run(remote.Shadow{}, died.start(t))
	assert.Contains(t, log.String(), `level=WARN msg="shadow failed"`)
}

// Close waits a few seconds for messages that are not compared yet, and no longer.
func TestShadowClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{reply: func(wire.Frame) ([]byte, bool) { return nil, true }} // never answers
		everything := remote.Everything()
		f, err := remote.New(remote.Config{
			Name: "shadow", Addresses: []string{"unix:/nowhere"}, Wishes: &everything, Shadow: &remote.Shadow{Of: "other"},
			Logger: slog.New(slog.DiscardHandler),
			Dial:   p.dial,
		})
		require.NoError(t, err)
		r := framework.NewRouter()
		r.Mount(f)
		r.Mount(passing("other"))
		srv := miltertest.NewRouterServer(t, r, miltertest.AllowGoroutines())
		out, err := srv.Dial(t).Send(t.Context(), letter())
		require.NoError(t, err)
		require.NotNil(t, out.Edited)
		began := time.Now()
		require.NoError(t, f.Close())
		assert.Equal(t, 5*time.Second, time.Since(began).Truncate(time.Second))
		srv.Close(t)
	})
}
