package framework_test

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// dataGuard refuses DATA the given number of times, and records the recipients
// at the end of the message.
func dataGuard(refusals int) func(*framework.Router) error {
	return func(r *framework.Router) error {
		envelope, add := r.WantEnvelope(), r.GrantAddHeader()
		r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
			if refusals--; refusals >= 0 {
				return framework.TempFail, nil
			}
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-To", strings.Join(envelope.Recipients(s), ","))
		})
		return nil
	}
}

// dataTalk has a client send DATA until it is accepted, and add a recipient
// before each repetition. It returns the recipients of the message, or "" if
// the client gave up.
func dataTalk(t *testing.T, conn *miltertest.Conn, tries int, elsewhere bool) string {
	t.Helper()
	ctx := t.Context()
	_, err := conn.Mail(ctx, "<a@example.org>")
	require.NoError(t, err)
	for i := range tries {
		_, err := conn.Rcpt(ctx, "<"+string(rune('b'+i))+"@example.net>")
		require.NoError(t, err)
		resp, err := conn.Data(ctx)
		require.NoError(t, err, "DATA, try %d", i)
		if resp.Refuses() || elsewhere && i+1 < tries {
			continue
		}
		_, mods, err := conn.EndOfMessage(ctx, nil)
		require.NoError(t, err)
		require.Len(t, mods, 1)
		return mods[0].(*wire.InsertHeader).Value
	}
	require.NoError(t, conn.Abort())
	return ""
}

// A client whose DATA was refused, by this filter or by another one, may repeat
// it. No MTA reports that another filter refused DATA.
func TestDataAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		refusals, tries int
		elsewhere       bool
		want            string
		witness         []string
		ends            []string
	}{
		{
			"taken the second time", 1, 2, false, "b@example.net,c@example.net",
			[]string{"mail a@example.org", "rcpt b@example.net", "rcpt c@example.net", "eom"},
			[]string{`1 continue by "" at end of message aborted=false rcpts=2 size=0 queue= addheader=1 witness:continue guard:tempfail`},
		},
		{
			"refused elsewhere", 0, 3, true, "b@example.net,c@example.net,d@example.net",
			[]string{"mail a@example.org", "rcpt b@example.net", "rcpt c@example.net", "rcpt d@example.net", "eom"},
			[]string{`1 continue by "" at end of message aborted=false rcpts=3 size=0 queue= addheader=1 witness:continue guard:continue`},
		},
		{
			"refused twice and given up", 2, 2, false, "",
			[]string{"mail a@example.org", "rcpt b@example.net", "rcpt c@example.net", "abort"},
			[]string{`1 tempfail by "guard" at data aborted=false rcpts=2 size=0 queue= witness:continue guard:tempfail`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var d diary
			var told ledgerOfEnds
			r := framework.NewRouter()
			r.Use(afterEach(told.add))
			r.Mount(miltertest.FilterFunc("witness", d.witness("a")))
			r.Mount(miltertest.FilterFunc("guard", dataGuard(tt.refusals)))
			srv := miltertest.NewRouterServer(t, r)
			conn := srv.Dial(t)
			assert.Equal(t, tt.want, dataTalk(t, conn, tt.tries, tt.elsewhere))
			conn.Run(t, letter()).AssertAccepted(t)
			srv.Close(t)
			assert.Empty(t, logged(srv, slog.LevelWarn))
			assert.Equal(t, tt.ends, told.ends[:1])
			assert.Equal(t, tt.witness, d.of("a")[:len(tt.witness)])
		})
	}
}

// If the MTA does not send MAIL, its macros show where a message begins.
// Without the macros, a second DATA may belong to another message, so that no
// state of the first may remain.
func TestDataAgainWithoutMail(t *testing.T) {
	t.Parallel()
	for want, announced := range map[string]bool{"550 5.0.0 3": true, "550 5.0.0 1": false} {
		var resp mta.Response
		r := framework.NewRouter()
		count, aborts, seen := framework.PerMessage[int](r), 0, 0
		r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
			seen++
			*count.Get(s)++
			return framework.Reply(550, "", strconv.Itoa(*count.Get(s)))
		})
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error { aborts++; return nil })
		conn, ctx := miltertest.NewRouterServer(t, r).Dial(t), t.Context()
		for range 2 {
			if announced {
				require.NoError(t, conn.Macros(wire.CmdMail, nil))
			}
			for range 3 {
				var err error
				resp, err = conn.Data(ctx)
				require.NoError(t, err)
				assert.True(t, resp.Refuses())
			}
		}
		assert.Equal(t, []string{want}, resp.Lines())
		assert.Equal(t, 6, seen)
		assert.Zero(t, aborts, "each message had its verdict")
	}
}

// A verdict that stands for the message stays its filter's, however often the
// client repeats DATA.
func TestDataAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	for name, observes := range map[string]bool{"replied at once": false, "deferred": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told ledgerOfEnds
			aborts := 0
			r := framework.NewRouter()
			r.Use(afterEach(told.add))
			r.Mount(miltertest.FilterFunc("broken", func(r *framework.Router) error {
				if observes {
					r.ObserveData(func(*framework.Session, *framework.Data) error { return errBoom })
				} else {
					r.OnData(func(*framework.Session, *framework.Data) (framework.Verdict, error) {
						return framework.Continue, errBoom
					})
				}
				r.ObserveMail(watches)
				r.ObserveAbort(func(*framework.Session, *framework.Abort) error { aborts++; return nil })
				return nil
			}))
			srv := miltertest.NewRouterServer(t, r)
			conn, ctx := srv.Dial(t), t.Context()
			_, err := conn.Mail(ctx, "<a@example.org>")
			require.NoError(t, err)
			for range 2 {
				_, err := conn.Data(ctx)
				require.NoError(t, err)
			}
			_, _, err = conn.EndOfMessage(ctx, nil)
			require.NoError(t, err)
			srv.Close(t)
			assert.Equal(t, []string{
				`1 reply ` + policyReply + ` by "broken" at end of message aborted=false rcpts=0 size=0 queue= broken:reply ` + policyReply,
			}, told.ends)
			assert.Equal(t, 1, aborts, "the filter that failed has not seen the end")
		})
	}
}

// An observer's refusal that the MTA did not wait for stands when DATA is
// repeated, and its filter does not see the abort of a message that it refused.
func TestDataAgainAfterADeferredVerdict(t *testing.T) {
	t.Parallel()
	var told ledgerOfEnds
	aborts := 0
	r := framework.NewRouter()
	r.Use(afterEach(told.add), func(rt *framework.Route, next framework.Handler) framework.Handler {
		if rt.Stage() != framework.StageMail {
			return next
		}
		return func(*framework.Session, framework.Event) (framework.Verdict, error) { return framework.Reject, nil }
	})
	r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
		r.ObserveMail(watches)
		r.ObserveData(watches)
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error { aborts++; return nil })
		return nil
	}))
	srv := miltertest.NewRouterServer(t, r)
	conn, ctx := srv.Dial(t), t.Context()
	_, err := conn.Mail(ctx, "<a@example.org>")
	require.NoError(t, err)
	for range 2 {
		_, err := conn.Data(ctx)
		require.NoError(t, err)
	}
	_, _, err = conn.EndOfMessage(ctx, nil)
	require.NoError(t, err)
	srv.Close(t)
	assert.Equal(t, []string{
		`1 reject by "f" at end of message aborted=false rcpts=0 size=0 queue= f:reject`,
	}, told.ends)
	assert.Zero(t, aborts)
}
