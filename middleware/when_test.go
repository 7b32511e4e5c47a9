package middleware_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/wire/mta"
)

// diaryOf returns middleware that records the stage of each call.
func diaryOf(lines *[]string) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			*lines = append(*lines, rt.Stage().String())
			return next(s, ev)
		}
	}
}

// condition returns a condition. Some conditions need the router.
type condition = func(r *framework.Router) middleware.Condition

func plainly(c middleware.Condition) condition {
	return func(*framework.Router) middleware.Condition { return c }
}

func senderIn(domains ...string) condition { return plainly(middleware.SenderIn(domains...)) }

func recipientIn(domains ...string) condition {
	return func(r *framework.Router) middleware.Condition {
		return middleware.RecipientIn(r.WantEnvelope(), domains...)
	}
}

// Each condition holds for the right messages, for answering handlers and
// observers, and for filters with and without handlers of the envelope.
func TestConditions(t *testing.T) {
	t.Parallel()
	body := miltertest.Message("From: a@example.org\n\n" + strings.Repeat("0123456789abcd\n", 10_000))
	for name, c := range map[string]struct {
		cond condition
		msg  *mta.Message
		want bool
	}{
		"address":                {plainly(middleware.ClientIn("192.0.2.1")), nil, true},
		"network":                {plainly(middleware.ClientIn("10.0.0.0/8", "192.0.2.0/24")), nil, true},
		"other network":          {plainly(middleware.ClientIn("10.0.0.0/8")), nil, false},
		"no network":             {plainly(middleware.ClientIn()), nil, false},
		"logged in":              {plainly(middleware.Authenticated()), miltertest.Message(letter, miltertest.Auth("ann")), true},
		"not logged in":          {plainly(middleware.Authenticated()), nil, false},
		"sender":                 {senderIn("example.org"), nil, true},
		"sender in capitals":     {senderIn("EXAMPLE.ORG."), miltertest.Message(letter, miltertest.From("A@Example.Org")), true},
		"sender below":           {senderIn(".example.org"), miltertest.Message(letter, miltertest.From("a@b.example.org")), true},
		"sender not below":       {senderIn(".example.org"), nil, false},
		"sender like it":         {senderIn("example.org"), miltertest.Message(letter, miltertest.From("a@badexample.org")), false},
		"bounce":                 {senderIn(""), miltertest.Message(letter, miltertest.From("")), true},
		"no bounce":              {senderIn(""), nil, false},
		"recipient":              {recipientIn("example.net"), nil, true},
		"one of the recipients":  {recipientIn("example.com"), miltertest.Message(letter, miltertest.To("a@example.org", "b@example.com")), true},
		"none of the recipients": {recipientIn("example.com"), nil, false},
		"large":                  {plainly(middleware.BodyOver(100_000)), body, true},
		"not that large":         {plainly(middleware.BodyOver(160_000)), body, false},
		"just as large":          {plainly(middleware.BodyOver(14)), nil, false},
		"one byte more":          {plainly(middleware.BodyOver(13)), nil, true},
		"no body":                {plainly(middleware.BodyOver(0)), miltertest.Message("From: a@example.org\n\n"), false},
		"all":                    {plainly(middleware.All()), nil, true},
		"any":                    {plainly(middleware.Any()), nil, false},
		"both":                   {plainly(middleware.All(middleware.SenderIn("example.org"), middleware.ClientIn("192.0.2.1"))), nil, true},
		"one of both is too few": {plainly(middleware.All(middleware.SenderIn("example.org"), middleware.ClientIn("10.0.0.1"))), nil, false},
		"one of both is enough":  {plainly(middleware.Any(middleware.SenderIn("example.com"), middleware.ClientIn("192.0.2.1"))), nil, true},
		"neither":                {plainly(middleware.Any(middleware.SenderIn("example.com"), middleware.ClientIn("10.0.0.1"))), nil, false},
		"late and early":         {plainly(middleware.All(middleware.BodyOver(1), middleware.ClientIn("192.0.2.1"))), nil, true},
		"early settles late":     {plainly(middleware.Any(middleware.BodyOver(1<<20), middleware.ClientIn("192.0.2.1"))), nil, true},
	} {
		for _, inverse := range []bool{false, true} {
			for _, answers := range []bool{false, true} {
				for _, late := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/not=%t/answers=%t/late=%t", name, inverse, answers, late), func(t *testing.T) {
						t.Parallel()
						r := framework.NewRouter()
						cond := c.cond(r)
						if inverse {
							cond = middleware.Not(cond)
						}
						applied := 0
						count := func(rt *framework.Route, next framework.Handler) framework.Handler {
							return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
								if rt.Stage() == framework.StageEndOfMessage {
									applied++
								}
								return next(s, ev)
							}
						}
						guarded := r.With(middleware.ApplyWhen(cond, count), middleware.When(cond))
						if !late {
							everyStage(guarded, answers)
						}
						guarded.ObserveBody(watches)
						guarded.OnEndOfMessage(says[*framework.EndOfMessage](framework.Reject))
						msg := c.msg
						if msg == nil {
							msg = miltertest.Message(letter)
						}
						res := miltertest.RunRouter(t, r, msg)
						assert.Equal(t, c.want != inverse, !res.Delivered(), "%v", res.Logs)
						assert.Equal(t, c.want != inverse, applied > 0)
					})
				}
			}
		}
	}
}

// A filter gets the events before the condition is known, and no more if it
// does not hold.
func TestWhenShows(t *testing.T) {
	t.Parallel()
	before := []string{"connect", "helo"}
	rest := []string{"mail", "rcpt", "data", "header", "header", "end of headers", "body", "end of message", "close"}
	for name, c := range map[string]struct {
		cond middleware.Condition
		want []string
	}{
		"holds":          {middleware.SenderIn("example.org"), append(append([]string{}, before...), rest...)},
		"does not":       {middleware.SenderIn("example.com"), append(append([]string{}, before...), "close")},
		"early":          {middleware.ClientIn("10.0.0.1"), []string{"close"}},
		"known from end": {middleware.BodyOver(1 << 20), append(append([]string{}, before...), "mail", "rcpt", "data", "header", "header", "end of headers", "body", "close")},
		"known in body":  {middleware.Not(middleware.BodyOver(5)), append(append([]string{}, before...), "mail", "rcpt", "data", "header", "header", "end of headers", "close")},
	} {
		for _, answers := range []bool{false, true} {
			t.Run(fmt.Sprint(name, answers), func(t *testing.T) {
				t.Parallel()
				var lines []string
				r := framework.NewRouter()
				r.Use(middleware.When(c.cond), diaryOf(&lines))
				everyStage(r, answers)
				miltertest.RunRouter(t, r, miltertest.Message(letter)).AssertAccepted(t)
				assert.Equal(t, c.want, lines)
			})
		}
	}
}

// A verdict or an error from before the condition is known is kept until then.
func TestWhenHoldsBack(t *testing.T) {
	t.Parallel()
	refuse := framework.MustReply(550, "5.7.1", "no")
	early := map[string]func(r *framework.Router){
		"connect": func(r *framework.Router) { r.OnConnect(says[*framework.Connect](refuse)) },
		"helo":    func(r *framework.Router) { r.OnHelo(says[*framework.Helo](refuse)) },
		"mail": func(r *framework.Router) {
			r.OnMail(says[*framework.Mail](refuse))
			r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { panic("not after a verdict") })
		},
		"error": func(r *framework.Router) {
			r.ObserveMail(func(*framework.Session, *framework.Mail) error { return assert.AnError })
		},
		"observer": func(r *framework.Router) {
			r.ObserveHeader(func(*framework.Session, *framework.Header) error { return assert.AnError })
		},
	}
	for name, register := range early {
		for size, want := range map[int64]bool{5: true, 1 << 20: false} {
			t.Run(fmt.Sprint(name, "/", want), func(t *testing.T) {
				t.Parallel()
				r := framework.NewRouter()
				r.Use(middleware.When(middleware.BodyOver(size)))
				register(r)
				r.OnBody(goesOn)
				r.OnEndOfMessage(goesOn)
				conn := miltertest.NewRouterServer(t, r).Dial(t)
				for range 2 {
					res := conn.Run(t, miltertest.Message(letter))
					if !want {
						res.AssertAccepted(t)
						continue
					}
					assert.Equal(t, mta.StageBody, res.RefusedAt())
					if name == "error" || name == "observer" {
						assert.Equal(t, "451 4.3.0 mail filter failed, try again later", res.Reply())
					} else {
						assert.Equal(t, "550 5.7.1 no", res.Reply())
					}
				}
			})
		}
	}
}

// At Rcpt a condition on recipients applies to one recipient, and only that one
// is refused.
func TestWhenOfOneRecipient(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	cond := middleware.RecipientIn(r.WantEnvelope(), "x.example")
	r.With(middleware.When(cond)).OnRcpt(says[*framework.Rcpt](framework.Reject))
	res := miltertest.RunRouter(t, r, miltertest.Message(letter, miltertest.To("a@y.example", "b@x.example", "c@y.example")))
	res.AssertAccepted(t)
	assert.Equal(t, []string{"a@y.example", "c@y.example"}, res.Recipients())
}

// Abort handlers are called for messages of which the filter got an event.
func TestWhenAborts(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string][]string{"example.org": {"mail", "abort", "close"}, "example.com": {"close"}} {
		var lines []string
		r := framework.NewRouter()
		r.Use(middleware.When(middleware.SenderIn(domain)), diaryOf(&lines))
		r.ObserveMail(watches)
		r.ObserveAbort(watches)
		r.ObserveClose(watches)
		srv := miltertest.NewRouterServer(t, r)
		conn := srv.Dial(t)
		_, err := conn.Mail(t.Context(), "<a@example.org>")
		require.NoError(t, err)
		require.NoError(t, conn.Abort())
		require.NoError(t, conn.Flush(t.Context()))
		srv.Close(t)
		assert.Equal(t, want, lines)
	}
}

// A message fails if the condition of a verdict can become known in another filter only.
func TestWhenIsNeverKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cond     middleware.Condition
		register func(r *framework.Router)
	}{
		"connect alone": {middleware.Authenticated(), func(r *framework.Router) { r.OnConnect(says[*framework.Connect](framework.Reject)) }},
		"mail alone":    {middleware.Share(1, middleware.ByQueueID()), func(r *framework.Router) { r.OnMail(says[*framework.Mail](framework.Reject)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Use(middleware.When(c.cond))
			r.Mount(filter("early", c.register))
			r.Mount(filter("late", func(r *framework.Router) { r.OnEndOfMessage(goesOn) }))
			res := miltertest.RunRouter(t, r, miltertest.Message(letter))
			res.AssertTempFailed(t)
			assert.Contains(t, res.Logs.String(), middleware.ErrNeverKnown.Error())
		})
	}
}

func TestConditionMistakes(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]middleware.Condition{
		"Condition is the zero value; want":           {},
		`ClientIn: netip.ParsePrefix("10.0.0.0/40")`:  middleware.ClientIn("10.0.0.0/40"),
		"ClientIn: ParseAddr(\"x\")":                  middleware.Not(middleware.ClientIn("x")),
		"zero value":                                  middleware.All(middleware.Authenticated(), middleware.Condition{}),
		"Share: the share 1.5 is not between 0 and 1": middleware.Any(middleware.Share(1.5, middleware.ByClient())),
		"Share: the key is of recipients":             middleware.Share(0.5, middleware.ByRecipient()),
	} {
		mistakes(t, middleware.When(c), text)
		mistakes(t, middleware.ApplyWhen(c), text)
	}
	mistakes(t, middleware.Sample(-1, middleware.ByClient()), "Share: the share -1 is not between 0 and 1")
	mistakes(t, middleware.OnlyStages(nil, framework.StageMail), "OnlyStages: want a middleware and at least one stage")
	mistakes(t, middleware.OnlyStages(middleware.Recover()), "OnlyStages: want a middleware and at least one stage")
}

func TestOnlyStages(t *testing.T) {
	t.Parallel()
	for _, answers := range []bool{false, true} {
		var lines []string
		r := framework.NewRouter()
		r.Use(middleware.OnlyStages(diaryOf(&lines), framework.StageRcpt, framework.StageEndOfMessage))
		everyStage(r, answers)
		miltertest.RunRouter(t, r, miltertest.Message(letter)).AssertAccepted(t)
		assert.Equal(t, []string{"rcpt", "end of message"}, lines)
	}
}

// A share has about the right size, is the same each time, and is a subset of a
// larger one.
func TestSample(t *testing.T) {
	t.Parallel()
	sampled := func(share float64, by middleware.Key) map[string]bool {
		chosen := map[string]bool{}
		r := framework.NewRouter()
		r.With(middleware.Sample(share, by)).OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			chosen[s.QueueID()] = true
			return framework.Continue, nil
		})
		r.WantMacro(framework.StageEndOfMessage, "i")
		conn := miltertest.NewRouterServer(t, r).Dial(t)
		for i := range 300 {
			name := fmt.Sprint("4F", i, "z")
			conn.Run(t, miltertest.Message(letter, miltertest.From(name+"@example.org"), miltertest.QueueID(name))).AssertAccepted(t)
		}
		return chosen
	}
	for name, by := range map[string]middleware.Key{"queue": middleware.ByQueueID(), "sender": middleware.BySender()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			small, again, large := sampled(0.1, by), sampled(0.1, by), sampled(0.4, by)
			assert.Equal(t, small, again)
			assert.InDelta(t, 30, len(small), 20)
			assert.InDelta(t, 120, len(large), 35)
			for id := range small {
				assert.True(t, large[id])
			}
			assert.Empty(t, sampled(0, by))
			assert.Len(t, sampled(1, by), 300)
		})
	}
}

// A kept verdict is given to each recipient for which the condition holds, and
// a verdict on the message only after the condition is known to hold.
func TestWhenHoldsBackAtRcpt(t *testing.T) {
	t.Parallel()
	to := miltertest.To("a@x.example", "b@y.example", "c@x.example")
	r := framework.NewRouter()
	guarded := r.With(middleware.When(middleware.RecipientIn(r.WantEnvelope(), "x.example")))
	guarded.OnMail(says[*framework.Mail](framework.Reject))
	guarded.OnRcpt(goesOn)
	guarded.ObserveRejectedRcpt(watches)
	guarded.OnEndOfMessage(goesOn)
	res := miltertest.RunRouter(t, r, miltertest.Message(letter, to))
	res.AssertAccepted(t)
	assert.Equal(t, []string{"b@y.example"}, res.Recipients())

	for _, v := range []framework.Verdict{framework.Accept, framework.Discard} {
		ended := false
		r := framework.NewRouter()
		guarded := r.With(middleware.When(middleware.BodyOver(1 << 20)))
		guarded.OnRcpt(says[*framework.Rcpt](v))
		guarded.ObserveBody(watches)
		guarded.OnEndOfMessage(goesOn)
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			ended = true
			return framework.Continue, nil
		})
		miltertest.RunRouter(t, r, miltertest.Message(letter, to)).AssertAccepted(t)
		assert.True(t, ended, "%v does not hold for a small message", v)
	}
}

// An early verdict under DryRun has no effect later, and DryRun does not drop
// the verdict of another handler.
func TestWhenAroundATrial(t *testing.T) {
	t.Parallel()
	trials := map[string]func(when framework.Middleware) []framework.Middleware{
		"inside": func(when framework.Middleware) []framework.Middleware {
			return []framework.Middleware{when, middleware.DryRun()}
		},
		"outside": func(when framework.Middleware) []framework.Middleware {
			return []framework.Middleware{middleware.DryRun(), when}
		},
	}
	for name, trial := range trials {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " early=", early), func(t *testing.T) {
				t.Parallel()
				when := middleware.When(middleware.BodyOver(1))
				r := framework.NewRouter()
				first, second := r.With(trial(when)...), r.With(when)
				if !early {
					first, second = second, first
				}
				first.OnMail(says[*framework.Mail](framework.Reject))
				second.ObserveBody(watches)
				first.OnEndOfMessage(goesOn)
				res := miltertest.RunRouter(t, r, miltertest.Message(letter))
				assert.Equal(t, early, res.Delivered())
				_, logged := res.Logs.Find("dry run: verdict")
				assert.Equal(t, early, logged)
			})
		}
	}
}

// Settings of a route apply to all messages, and ApplyWhen reports them as
// mistakes.
func TestApplyWhenOfWhatHoldsForTheRoute(t *testing.T) {
	t.Parallel()
	for _, mw := range []framework.Middleware{
		middleware.DryRun(),
		middleware.Timeout(middleware.TimeoutConfig{Event: time.Second}),
		middleware.Timeout(middleware.TimeoutConfig{Message: time.Minute}),
	} {
		mistakes(t, middleware.ApplyWhen(middleware.Authenticated(), middleware.Recover(), mw), "ApplyWhen: DryRun and Timeout apply to all messages")
	}
}
