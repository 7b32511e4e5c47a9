package framework_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// withoutAdding returns MTAs of all kinds that do not let filters add fields.
func withoutAdding() (list []miltertest.Personality) {
	for _, p := range append(miltertest.Personalities(), miltertest.Stalwart()) {
		list = append(list, p.WithoutActions(wire.ActionAddHdrs))
	}
	return list
}

// adds is a filter that requires an action, and records its events in a diary.
func (d *diary) adds(name string) framework.Filter {
	return miltertest.FilterFunc(name, func(r *framework.Router) error {
		add := r.GrantAddHeader()
		note := func(what string) error {
			d.add(name + " " + what)
			return nil
		}
		r.ObserveConnect(func(*framework.Session, *framework.Connect) error { return note("connect") })
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
			return framework.Continue, note("mail")
		})
		r.ObserveBody(func(*framework.Session, *framework.Body) error { return note("body") })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X-Added", name)
		})
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return note("abort") })
		r.ObserveClose(func(*framework.Session, *framework.Close) error { return note("close") })
		return nil
	})
}

// dryAt puts the handlers of a filter at the given stages into a dry run, or all of them.
func dryAt(stages ...framework.Stage) framework.LaneOption {
	return framework.With(func(rt *framework.Route, next framework.Handler) framework.Handler {
		if len(stages) == 0 || slices.Contains(stages, rt.Stage()) {
			rt.DryRun()
		}
		return next
	})
}

// If an MTA lacks an action that a filter requires, and the policy of the filter requires its
// decision, each message of the MTA is refused, and no filter sees it.
func TestLackingRefuses(t *testing.T) {
	t.Parallel()
	closed := "451 4.3.0 mail filter failed, try again later"
	tests := map[string]struct {
		opts []framework.LaneOption
		want string
	}{
		"by default":     {nil, closed},
		"closed":         {[]framework.LaneOption{framework.FailClosed()}, closed},
		"with a reply":   {[]framework.LaneOption{framework.FailWith(framework.MustReply(450, "4.7.1", "later"))}, "450 4.7.1 later"},
		"with TempFail":  {[]framework.LaneOption{framework.FailWith(framework.TempFail)}, "451 4.7.1 Service unavailable - try again later"},
		"with a 5yz":     {[]framework.LaneOption{framework.FailWith(framework.MustReply(550, "5.7.1", "never"))}, "550 5.7.1 never"},
		"open, but not ": {[]framework.LaneOption{framework.FailOpen(), framework.FailClosed()}, closed},
		"partly dry":     {[]framework.LaneOption{dryAt(framework.StageEndOfMessage)}, closed},
	}
	for name, tt := range tests {
		for _, p := range withoutAdding() {
			t.Run(name+", "+p.Name, func(t *testing.T) {
				t.Parallel()
				var seen diary
				r := framework.NewRouter()
				r.Mount(seen.adds("watches"), framework.FailOpen())
				r.Mount(seen.adds("requires"), tt.opts...)
				srv := miltertest.NewRouterServer(t, r, miltertest.As(p))
				conn := srv.Dial(t)
				for range 2 {
					res := conn.Run(t, miltertest.Message("Subject: a\n\nbody\n"))
					assert.False(t, res.Delivered())
					assert.Equal(t, tt.want, res.Reply())
				}
				srv.Close(t)
				assert.Empty(t, seen.lines)
				assert.EqualValues(t, 1, srv.Stats().MissingActions)
				assert.Zero(t, srv.Stats().HandlerErrors)
			})
		}
	}
}

// The MTA sends CONNECT and MAIL, and waits for the answers. It sends nothing else if it can
// leave that out.
func TestLackingRefusesAtConnectAndMail(t *testing.T) {
	t.Parallel()
	var seen diary
	res := miltertest.Run(t, seen.adds("requires"), miltertest.Message("Subject: a\n\nbody\n"),
		miltertest.As(miltertest.Postfix().WithoutActions(wire.ActionAddHdrs)))
	assert.Zero(t, res.Negotiated.Actions)
	assert.Empty(t, res.Negotiated.Macros)
	assert.Equal(t, wire.ProtoNoHelo|wire.ProtoNoRcpt|wire.ProtoNoBody|wire.ProtoNoHdrs|wire.ProtoNoEOH|
		wire.ProtoNoUnknown|wire.ProtoNoData, res.Negotiated.Protocol)
	assert.Equal(t, mta.StageConnect, res.RefusedAt())
}

// A filter that mail can do without is left out of the session. The others go on, and see
// mail as if the filter were not there.
func TestLackingLeavesOut(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]framework.LaneOption{
		"open": framework.FailOpen(), "dry run": framework.DryRun(), "all handlers in a dry run": dryAt(),
	} {
		for _, p := range withoutAdding() {
			t.Run(name+", "+p.Name, func(t *testing.T) {
				t.Parallel()
				var seen, other diary
				var failed []bool
				r := framework.NewRouter()
				r.Use(func(rt *framework.Route, next framework.Handler) framework.Handler {
					if rt.Filter() != "other" || rt.Stage() != framework.StageEndOfMessage {
						return next
					}
					rt.WantFilterResult("lacks")
					rt.AfterMessage(func(_ *framework.Session, res *framework.MessageResult) {
						of, ok := res.FilterResult("lacks")
						failed = append(failed, ok && of.Failed && !of.Called && !of.Decided)
					})
					return next
				})
				r.Mount(seen.adds("lacks"), opt)
				r.Mount(miltertest.FilterFunc("other", other.witness("other")))
				srv := miltertest.NewRouterServer(t, r, miltertest.As(p))
				conn := srv.Dial(t)
				for range 2 {
					res := conn.Run(t, miltertest.Message("From: a@example.org\nSubject: hello\n\nHow are you?\n"))
					res.AssertAccepted(t)
					res.AssertUnmodified(t)
				}
				srv.Close(t)
				assert.Empty(t, seen.lines)
				assert.Equal(t, append(append([]string{}, wholeMessage...), wholeMessage...), other.of("other"))
				assert.Equal(t, []bool{true, true}, failed)
				record, ok := srv.Logs().Find("MTA lacks an action")
				require.True(t, ok)
				outcome, _ := miltertest.LogAttr(record, "outcome")
				assert.Equal(t, "filter left out", outcome.String())
				filter, _ := miltertest.LogAttr(record, "filter")
				assert.Equal(t, "lacks", filter.String())
			})
		}
	}
}

// A connection keeps what was negotiated over its SMTP sessions, until the MTA makes another
// offer.
func TestLackingLastsUntilTheNextOffer(t *testing.T) {
	t.Parallel()
	var seen diary
	srv := miltertest.NewServer(t, seen.adds("requires"))
	end := srv.DialRaw()
	negotiate := func(actions wire.Actions) *mta.Conn {
		conn := mta.NewConn(end, mta.Config{Offer: mta.Offer{Version: 6, Actions: actions, Protocol: mta.PostfixOffer(6).Protocol}})
		require.NoError(t, conn.Negotiate(t.Context()))
		return conn
	}
	send := func(conn *mta.Conn) *mta.Outcome {
		out, err := conn.Send(t.Context(), miltertest.Message("Subject: a\n\nbody\n"))
		require.NoError(t, err)
		return out
	}
	conn := negotiate(0)
	assert.Nil(t, send(conn).Edited)
	require.NoError(t, conn.QuitNC())
	assert.Nil(t, send(conn).Edited, "in another SMTP session")
	assert.Empty(t, seen.lines)

	out := send(negotiate(wire.KnownActions))
	require.NotNil(t, out.Edited)
	assert.Len(t, out.Modifications, 1)
	lines := len(seen.lines)
	assert.Nil(t, send(negotiate(0)).Edited)
	require.NoError(t, end.Close())
	srv.Close(t)
	assert.Equal(t, []string{"requires close"}, seen.lines[lines:], "of the session that it has seen")
	assert.EqualValues(t, 2, srv.Stats().MissingActions)
}

// The plan tells what an MTA lacks without one.
func TestPlanLacking(t *testing.T) {
	t.Parallel()
	var seen diary
	r := framework.NewRouter()
	r.Mount(seen.adds("open"), framework.FailOpen())
	r.Mount(miltertest.FilterFunc("wish", func(r *framework.Router) error {
		r.GrantAddHeader(framework.Optional())
		return nil
	}))
	r.Mount(seen.adds("with"), framework.FailWith(framework.Reject))
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.Empty(t, plan.Lacking(wire.KnownActions))
	got := plan.Lacking(wire.ActionQuarantine)
	require.Len(t, got, 2)
	for i, want := range []framework.Lack{{Filter: "open"}, {Filter: "with", Refusal: framework.Reject}} {
		assert.Equal(t, want.Filter, got[i].Filter)
		assert.Equal(t, wire.ActionAddHdrs, got[i].Missing)
		assert.Equal(t, want.Refusal, got[i].Refusal)
		require.Len(t, got[i].Reasons, 1)
		assert.Equal(t, "GrantAddHeader", got[i].Reasons[0].Cause)
		assert.Contains(t, got[i].Reasons[0].Where, "framework/lacking_test.go:")
	}
}

// A filter that is left out of a session gets no event of it, whatever it registers.
func TestLackingLeavesOutAllHandlers(t *testing.T) {
	t.Parallel()
	var seen diary
	note := func(what string) error {
		seen.add(what)
		return nil
	}
	lacks := miltertest.FilterFunc("lacks", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.WantBody()
		r.ObserveConnect(func(*framework.Session, *framework.Connect) error { return note("connect") })
		r.ObserveHelo(func(*framework.Session, *framework.Helo) error { return note("helo") })
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return note("mail") })
		r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return note("rcpt") })
		r.ObserveRejectedRcpt(func(*framework.Session, *framework.RejectedRcpt) error { return note("rejected rcpt") })
		r.ObserveData(func(*framework.Session, *framework.Data) error { return note("data") })
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return note("header") })
		r.ObserveEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) error { return note("end of headers") })
		r.ObserveBody(func(*framework.Session, *framework.Body) error { return note("body") })
		r.ObserveUnknown(func(*framework.Session, *framework.Unknown) error { return note("unknown") })
		r.BeforeEndOfMessage(func(*framework.Session) error { return note("before the end of message") })
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Reject, add.Append(s, "X-Added", "yes")
		})
		r.ObserveAbort(func(*framework.Session, *framework.Abort) error { return note("abort") })
		r.ObserveClose(func(*framework.Session, *framework.Close) error { return note("close") })
		return nil
	})
	for _, p := range withoutAdding() {
		for _, changes := range []bool{false, true} { // the second makes the framework replay the content
			r := framework.NewRouter()
			if changes {
				r.Mount(miltertest.FilterFunc("changes", func(r *framework.Router) error {
					body := r.GrantReplaceBody()
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
						return framework.Continue, body.Replace(s, []byte("new\r\n"))
					})
					return nil
				}))
			}
			r.Mount(lacks, framework.FailOpen())
			srv := miltertest.NewRouterServer(t, r, miltertest.As(p))
			conn := srv.Dial(t)
			for range 2 {
				msg := miltertest.Message("Subject: a\n\nbody\n", miltertest.To("a@example.net"), miltertest.ToRefused("b@example.net", "550 5.1.1 no"))
				res := conn.Run(t, msg)
				res.AssertAccepted(t)
				assert.Equal(t, changes, res.Body() == "new\r\n", p.Name)
				_, err := conn.Unknown(t.Context(), "XYZZY")
				require.NoError(t, err)
			}
			srv.Close(t)
			assert.Empty(t, seen.lines, p.Name)
		}
	}
}

// The lines about missing actions are bounded, however often an MTA makes an offer.
func TestLackingLinesAreBounded(t *testing.T) {
	t.Parallel()
	var seen diary
	srv := miltertest.NewServer(t, seen.adds("requires"))
	end := srv.DialRaw()
	const offers = 500
	for range offers {
		conn := mta.NewConn(end, mta.Config{Offer: mta.Offer{Version: 6}})
		require.NoError(t, conn.Negotiate(t.Context()))
	}
	require.NoError(t, end.Close())
	srv.Close(t)
	assert.EqualValues(t, offers, srv.Stats().MissingActions)
	lines := 0
	for _, r := range srv.Logs() {
		if r.Message == "MTA lacks an action" {
			lines++
		}
	}
	assert.Positive(t, lines)
	assert.Less(t, lines, 100)
}
