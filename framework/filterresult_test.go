package framework_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
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

// watcher records, after each message, what the filter "f" did.
type watcher struct{ seen []string }

// watch returns middleware that asks for the result of "f".
func (w *watcher) watch() framework.Middleware {
	once := framework.OncePerRouter(func(rt *framework.Route) bool {
		rt.WantFilterResult("f")
		rt.AfterMessage(func(_ *framework.Session, end *framework.MessageResult) {
			res, ok := end.FilterResult("f")
			if !ok {
				w.seen = append(w.seen, "not there")
				return
			}
			w.seen = append(w.seen, text(&res))
		})
		return true
	})
	return asking(func(rt *framework.Route) { once(rt) })
}

// text returns a result as one line.
func text(res *framework.FilterResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v at %v", res.Verdict, res.Stage)
	if res.Called {
		fmt.Fprint(&b, " called")
	}
	if res.Decided {
		fmt.Fprint(&b, " decided")
	}
	if res.Failed {
		fmt.Fprint(&b, " failed")
	}
	if res.Incomplete {
		fmt.Fprint(&b, " incomplete")
	}
	for addr, v := range res.RefusedRecipients() {
		fmt.Fprintf(&b, "; %s: %v", addr, v)
	}
	for m := range res.Modifications() {
		fmt.Fprintf(&b, "; %s", m.Kind)
		if m.Old.Name != "" {
			fmt.Fprintf(&b, " %q", m.Old.AppendWire(nil))
		}
		if m.New.Name != "" {
			fmt.Fprintf(&b, " to %q above=%d prepended=%t", m.New.AppendWire(nil), m.Above, m.Prepended)
		}
		fmt.Fprint(&b, m.Address, m.Args, m.Reason)
		if sum, size := m.BodyDigest(); size > 0 {
			fmt.Fprintf(&b, " %d %x", size, sum[:2])
		}
	}
	return b.String()
}

// resultOf runs a message through a router on which the filter is mounted between two that
// add a field, and returns what the watcher saw.
func resultOf(t *testing.T, f framework.Filter, opts ...framework.LaneOption) []string {
	t.Helper()
	var w watcher
	r := framework.NewRouter()
	r.Use(w.watch())
	adds := func(name string) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			g := allGrants(r)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, errors.Join(g.add.InsertTop(s, "X-"+name, "1"), g.body.Replace(s, []byte(name+"\r\n")))
			})
			return nil
		})
	}
	r.Mount(adds("before"))
	r.Mount(f, opts...)
	r.Mount(adds("after"))
	miltertest.RunRouter(t, r, miltertest.Message("A: 1\nB: 2\n\nhi\n", miltertest.To("<b@example.net>", "<c@example.net>")))
	return w.seen
}

func TestFilterResultModifications(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("new\r\n"))
	body := fmt.Sprintf("replacebody 5 %x", sum[:2])
	for name, c := range map[string]struct {
		do   func(s *framework.Session, g grants) error
		want string
	}{
		"none":    {func(*framework.Session, grants) error { return nil }, ""},
		"append":  {func(s *framework.Session, g grants) error { return g.add.Append(s, "X", "a\n b") }, `; addheader to "X: a\r\n b\r\n" above=3 prepended=false`},
		"prepend": {func(s *framework.Session, g grants) error { return g.add.Prepend(s, "X", "a") }, `; insheader to "X: a\r\n" above=0 prepended=true`},
		"two at the top": {func(s *framework.Session, g grants) error {
			return errors.Join(g.add.InsertTop(s, "X", "1"), g.add.InsertTop(s, "X", "2"))
		}, `; insheader to "X: 1\r\n" above=1 prepended=false; insheader to "X: 2\r\n" above=0 prepended=false`},
		"beside a field that is deleted": {func(s *framework.Session, g grants) error {
			return errors.Join(g.add.InsertBelow(s, framework.NthHeader("A", 1), "X", "1"), g.change.Delete(s, framework.NthHeader("A", 1)))
		}, `; insheader to "X: 1\r\n" above=1 prepended=false; delheader "A: 1\r\n"`},
		"changed twice": {func(s *framework.Session, g grants) error {
			return errors.Join(g.change.Change(s, framework.NthHeader("a", 1), "2"), g.change.Change(s, framework.NthHeader("A", 1), "3"))
		}, `; chgheader "A: 1\r\n" to "A: 2\r\n" above=0 prepended=false; chgheader "A: 1\r\n" to "A: 3\r\n" above=0 prepended=false`},
		"renamed": {func(s *framework.Session, g grants) error {
			return g.rename.Rename(s, framework.NthHeader("B", 1), "C")
		}, `; renheader "B: 2\r\n" to "C: 2\r\n" above=0 prepended=false`},
		"of a filter before": {func(s *framework.Session, g grants) error {
			return g.change.Delete(s, framework.NthHeader("X-before", 1))
		}, `; delheader "X-before: 1\r\n"`},
		"body": {func(s *framework.Session, g grants) error {
			return errors.Join(g.body.Replace(s, []byte("old\n")), g.body.Replace(s, []byte("new\n")))
		}, "; " + body},
		"body from a reader": {func(s *framework.Session, g grants) error { return g.body.ReplaceFrom(s, strings.NewReader("new\n")) }, "; " + body},
		"envelope": {func(s *framework.Session, g grants) error {
			return errors.Join(g.rcpt.Add(s, "<d@example.net>"), g.unrcpt.Delete(s, "<b@example.net>"), g.sender.Change(s, "<x@example.org>", "A=B"), g.hold.Quarantine(s, "held"))
		}, "; addrcpt<d@example.net>; delrcpt<b@example.net>; chgfrom<x@example.org>A=B; quarantineheld"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := atEnd(true, c.do)
			assert.Equal(t, []string{"continue at connect called decided" + c.want}, resultOf(t, f))
			assert.Equal(t, []string{"continue at connect called decided" + c.want}, resultOf(t, f, framework.DryRun()), "in a dry run")
		})
	}
}

// What a filter decides is told as its own, whatever the others did and whatever policy it has.
func TestFilterResultVerdicts(t *testing.T) {
	t.Parallel()
	no := framework.MustReply(550, "5.7.1", "no")
	boom := errors.New("boom")
	at := func(stage string, v framework.Verdict, err error) framework.Filter {
		return miltertest.FilterFunc("f", func(r *framework.Router) error {
			add := r.GrantAddHeader()
			r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
				if err := add.Append(s, "X", "early"); err != nil || stage != "mail" {
					return framework.Continue, err
				}
				return v, err
			})
			for name, on := range map[string]func(func(*framework.Session) (framework.Verdict, error)){
				"connect": func(fn func(*framework.Session) (framework.Verdict, error)) {
					r.OnConnect(func(s *framework.Session, _ *framework.Connect) (framework.Verdict, error) { return fn(s) })
				},
				"data": func(fn func(*framework.Session) (framework.Verdict, error)) {
					r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) { return fn(s) })
				},
				"end": func(fn func(*framework.Session) (framework.Verdict, error)) {
					r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) { return fn(s) })
				},
			} {
				if name == stage {
					on(func(*framework.Session) (framework.Verdict, error) { return v, err })
				}
			}
			r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
				if stage == "rcpt" && e.Recipient() == "c@example.net" {
					return v, err
				}
				return framework.Continue, nil
			})
			return nil
		})
	}
	const early = `; addheader to "X: early\r\n" above=0 prepended=false`
	const made = `; addheader to "X: early\r\n" above=3 prepended=false`
	for name, c := range map[string]struct {
		stage   string
		verdict framework.Verdict
		err     error
		opts    []framework.LaneOption
		want    string
	}{
		"passed":                       {want: "continue at connect called decided" + made},
		"accepts the session":          {stage: "connect", verdict: framework.Accept, want: "accept at connect decided"},
		"refused at mail":              {stage: "mail", verdict: no, want: "reply 550 5.7.1 no at mail called decided" + early},
		"refused a recipient":          {stage: "rcpt", verdict: no, want: "continue at connect called decided; <c@example.net>: reply 550 5.7.1 no" + made},
		"discarded at rcpt":            {stage: "rcpt", verdict: framework.Discard, want: "discard at rcpt called decided" + early},
		"refused at the end":           {stage: "end", verdict: framework.Reject, want: "reject at end of message called decided" + early},
		"accepted at data":             {stage: "data", verdict: framework.Accept, want: "accept at data called decided" + made},
		"failed":                       {stage: "data", err: boom, want: "reply 451 4.3.0 mail filter failed, try again later at data called failed" + early},
		"failed open":                  {stage: "data", err: boom, opts: []framework.LaneOption{framework.FailOpen()}, want: "continue at data called failed"},
		"failed open at connect":       {stage: "connect", err: boom, opts: []framework.LaneOption{framework.FailOpen()}, want: "continue at connect failed"},
		"refused in a dry run":         {stage: "end", verdict: no, opts: []framework.LaneOption{framework.DryRun()}, want: "reply 550 5.7.1 no at end of message called decided" + made},
		"a recipient in a dry run":     {stage: "rcpt", verdict: no, opts: []framework.LaneOption{framework.DryRun()}, want: "continue at connect called decided; <c@example.net>: reply 550 5.7.1 no" + made},
		"failed about a recipient":     {stage: "rcpt", err: framework.Permanent(boom), want: "continue at rcpt called failed; <c@example.net>: reply 554 5.6.0 message cannot be processed by the mail filter" + made},
		"failed at a recipient":        {stage: "rcpt", err: boom, want: "reply 451 4.3.0 mail filter failed, try again later at rcpt called failed" + early},
		"failed to refuse, in dry run": {stage: "end", err: boom, opts: []framework.LaneOption{framework.DryRun()}, want: "continue at end of message called failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, []string{c.want}, resultOf(t, at(c.stage, c.verdict, c.err), c.opts...))
		})
	}
}

// If the message ends before a filter has decided, the result says so, and nothing of a message
// is left in the next one.
func TestFilterResultOfEachMessage(t *testing.T) {
	t.Parallel()
	var w watcher
	r := framework.NewRouter()
	r.Use(w.watch())
	r.Mount(miltertest.FilterFunc("first", func(r *framework.Router) error {
		r.OnMail(func(_ *framework.Session, e *framework.Mail) (framework.Verdict, error) {
			if e.Sender() == "refused@example.org" {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		return nil
	}))
	r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnMail(func(s *framework.Session, e *framework.Mail) (framework.Verdict, error) {
			return framework.Continue, add.Append(s, "X", e.Sender())
		})
		r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
			if e.Recipient() == "no@example.net" {
				return framework.Reject, nil
			}
			return framework.Continue, nil
		})
		return nil
	}))
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	mail := func(sender string, rcpts ...string) wire.ReplyCode {
		resp, err := conn.Mail(t.Context(), "<"+sender+"@example.org>")
		require.NoError(t, err)
		for _, rcpt := range rcpts {
			_, err := conn.Rcpt(t.Context(), "<"+rcpt+"@example.net>")
			require.NoError(t, err)
		}
		return resp.Code
	}
	mail("a", "no", "b")
	require.NoError(t, conn.Abort())
	assert.Equal(t, wire.RepReject, mail("refused"))
	require.NoError(t, conn.Abort())
	mail("c", "b")
	_, _, err := conn.EndOfMessage(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	srv.Close(t)
	assert.Equal(t, []string{
		`continue at connect called; <no@example.net>: reject; addheader to "X: a@example.org\r\n" above=0 prepended=false`,
		`continue at connect`,
		`continue at connect called decided; addheader to "X: c@example.org\r\n" above=0 prepended=false`,
	}, w.seen)
}

// A HELO or a DATA that was refused may be repeated: what the filter decided then counts. A
// filter in a dry run is not asked again, and its verdict stays.
func TestFilterResultOfRepeatedCommand(t *testing.T) {
	t.Parallel()
	type commands struct{ helo, data int }
	first := func(v framework.Verdict) func(n *int) (framework.Verdict, error) {
		return func(n *int) (framework.Verdict, error) {
			if *n++; *n == 1 {
				return v, nil
			}
			return framework.Continue, nil
		}
	}
	pass := func(*int) (framework.Verdict, error) { return framework.Continue, nil }
	filter := func(name string, helo, data func(*int) (framework.Verdict, error)) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			count := framework.PerConnection[commands](r)
			r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
			r.OnHelo(func(s *framework.Session, _ *framework.Helo) (framework.Verdict, error) {
				return helo(&count.Get(s).helo)
			})
			r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
				return data(&count.Get(s).data)
			})
			return nil
		})
	}
	tempfail, reject := first(framework.TempFail), first(framework.Reject)
	for name, c := range map[string]struct {
		f, other framework.Filter
		opts     []framework.LaneOption
		want     string
	}{
		"refused at data": {f: filter("f", pass, tempfail), want: "continue at connect called decided"},
		"refused at helo": {f: filter("f", tempfail, pass), want: "continue at connect called decided"},
		"dry run at data": {
			f: filter("f", pass, reject), other: filter("other", pass, tempfail),
			opts: []framework.LaneOption{framework.DryRun()}, want: "reject at data called decided",
		},
		"dry run at helo": {
			f: filter("f", reject, pass), other: filter("other", tempfail, pass),
			opts: []framework.LaneOption{framework.DryRun()}, want: "reject at helo decided",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w watcher
			r := framework.NewRouter()
			r.Use(w.watch())
			r.Mount(c.f, c.opts...)
			if c.other != nil {
				r.Mount(c.other)
			}
			srv := miltertest.NewRouterServer(t, r)
			conn := srv.Dial(t)
			again := func(command func() (mta.Response, error)) {
				resp, err := command()
				require.NoError(t, err)
				if resp.Code != wire.RepContinue {
					resp, err = command()
					require.NoError(t, err)
				}
				assert.Equal(t, wire.RepContinue, resp.Code)
			}
			again(func() (mta.Response, error) { return conn.Helo(t.Context(), "client.example") })
			_, err := conn.Mail(t.Context(), "<a@example.org>")
			require.NoError(t, err)
			again(func() (mta.Response, error) { return conn.Data(t.Context()) })
			_, _, err = conn.EndOfMessage(t.Context(), nil)
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			srv.Close(t)
			assert.Equal(t, []string{c.want}, w.seen)
		})
	}
}

// A filter that hangs has failed, even if it returns a verdict later.
func TestFilterResultOfHungFilter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		r := framework.NewRouter()
		r.Use(w.watch())
		r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				time.Sleep(time.Hour)
				return framework.Reject, nil
			})
			return nil
		}))
		srv := miltertest.NewRouterServer(t, r)
		_, err := srv.Dial(t).Send(t.Context(), miltertest.Message("A: 1\n\nhi\n"))
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		srv.Close(t)
		assert.Equal(t, []string{"continue at end of message called failed"}, w.seen)
	})
}

// The result of a filter that nobody asked for is not there, and one that is not mounted is a
// mistake.
func TestWantFilterResult(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(asking(func(rt *framework.Route) { rt.WantFilterResult("other") }))
	r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error { r.OnData(goesOn); return nil }))
	_, err := r.Plan()
	var mistake *framework.RegistrationError
	require.ErrorAs(t, err, &mistake)
	assert.Contains(t, mistake.Where, "filterresult_test.go:")
	assert.ErrorContains(t, err, `WantFilterResult of "other": the router has no filter of this name`)

	asked := 0
	r = framework.NewRouter()
	r.Use(afterEach(func(_ *framework.Session, end *framework.MessageResult) {
		asked++
		_, ok := end.FilterResult("f")
		assert.False(t, ok)
	}))
	r.Mount(miltertest.FilterFunc("f", func(r *framework.Router) error {
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
		return nil
	}))
	miltertest.RunRouter(t, r, miltertest.Message("A: 1\n\nhi\n"))
	assert.Equal(t, 1, asked)
}

// A filter that asks for FailOpen itself never refuses mail by failing.
func TestFailOpenByFilter(t *testing.T) {
	t.Parallel()
	watching := func(own bool) framework.Filter {
		return miltertest.FilterFunc("f", func(r *framework.Router) error {
			if own {
				r.FailOpen()
			}
			r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
				return framework.Continue, errors.New("boom")
			})
			return nil
		})
	}
	for _, opt := range []framework.LaneOption{framework.FailClosed(), framework.FailWith(framework.Reject)} {
		assert.Nil(t, miltertest.Run(t, watching(false), miltertest.Message("A: 1\n\nhi\n"), miltertest.Lane(opt)).Edited)
		assert.NotNil(t, miltertest.Run(t, watching(true), miltertest.Message("A: 1\n\nhi\n"), miltertest.Lane(opt)).Edited)
	}
}
