package middleware_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// onMail and the others register one handler.
func onMail(r *framework.Router) { r.OnMail(goesOn) }
func onRcpt(r *framework.Router) { r.OnRcpt(goesOn) }
func onData(r *framework.Router) { r.OnData(goesOn) }
func atEnd(r *framework.Router)  { r.OnEndOfMessage(goesOn) }

// A limit or a condition around handlers at which it never has an effect is a mistake in the
// plan, with the line that adds it.
func TestWithoutEffect(t *testing.T) {
	t.Parallel()
	recipients := func() framework.Middleware { return perHour(middleware.BySender(), true) }
	one := middleware.ThrottleConfig{Max: 1}
	late := middleware.Share(1, middleware.ByQueueID())
	rcpt := func() framework.Middleware {
		return middleware.OnlyStages(recipients(), framework.StageRcpt)
	}
	tests := map[string]struct {
		mw       framework.Middleware
		register func(r *framework.Router)
		want     string
	}{
		"recipients, mail alone":      {recipients(), onMail, middleware.ErrNoRcptHandler.Error()},
		"recipients, data alone":      {recipients(), onData, middleware.ErrNoRcptHandler.Error()},
		"recipients, end alone":       {recipients(), atEnd, middleware.ErrNoRcptHandler.Error()},
		"recipients by their domain":  {perHour(middleware.ByRecipientDomain(), false), onMail, middleware.ErrNoRcptHandler.Error()},
		"recipients, refused ones":    {recipients(), func(r *framework.Router) { r.ObserveRejectedRcpt(watches) }, middleware.ErrNoRcptHandler.Error()},
		"recipients, close alone":     {recipients(), func(r *framework.Router) { r.ObserveClose(watches) }, middleware.ErrNoRcptHandler.Error()},
		"messages, connect alone":     {perHour(middleware.ByClient(), false), func(r *framework.Router) { r.OnConnect(goesOn) }, "RateLimit: counts messages, but wraps no handler from mail to end of message"},
		"messages, before the key":    {perHour(middleware.ByQueueID(), false), onMail, "RateLimit: counts messages, but wraps no handler from data to end of message"},
		"MaxMessages, helo alone":     {middleware.MaxMessages(one), func(r *framework.Router) { r.OnHelo(goesOn) }, "MaxMessages: wraps no handler from mail to end of message"},
		"Throttle, close alone":       {middleware.Throttle(one), func(r *framework.Router) { r.ObserveClose(watches) }, "Throttle: wraps no handler but those of Abort and Close"},
		"OnlyStages, others":          {rcpt(), onMail, "OnlyStages: wraps no handler of the stages [rcpt], so that its middleware never runs"},
		"OnlyStages, wrong stages":    {middleware.OnlyStages(recipients(), framework.StageMail), everywhere, "OnlyStages: " + middleware.ErrNoRcptHandler.Error()},
		"ApplyWhen, before":           {middleware.ApplyWhen(late, perHour(middleware.BySender(), false)), onMail, "ApplyWhen: wraps no handler from data to end of message, at which its condition can hold"},
		"ApplyWhen, limit before":     {middleware.ApplyWhen(late, recipients()), everywhere, "ApplyWhen: " + middleware.ErrNoRcptHandler.Error()},
		"ApplyWhen, all":              {middleware.ApplyWhen(middleware.All(middleware.Authenticated(), late), recipients()), onRcpt, "wraps no handler from data"},
		"ApplyWhen, none of any":      {middleware.ApplyWhen(middleware.Not(middleware.Any(middleware.Authenticated(), late)), recipients()), onRcpt, "wraps no handler from data"},
		"ApplyWhen, large":            {middleware.ApplyWhen(middleware.BodyOver(1), recipients()), everywhere, "ApplyWhen: " + middleware.ErrNoRcptHandler.Error()},
		"When, before":                {middleware.When(late), onRcpt, "When: " + middleware.ErrNeverKnown.Error() + ": it wraps none from data to end of message"},
		"When of users, connect":      {middleware.When(middleware.Authenticated()), func(r *framework.Router) { r.OnConnect(goesOn) }, middleware.ErrNeverKnown.Error()},
		"When large, without a body":  {middleware.When(middleware.BodyOver(1)), atEnd, middleware.ErrNoBodyHandler.Error() + ` of the filter "f"`},
		"When small, without a body":  {middleware.When(middleware.Not(middleware.BodyOver(1))), atEnd, middleware.ErrNoBodyHandler.Error()},
		"large or known, no body":     {middleware.When(middleware.Any(middleware.Authenticated(), middleware.BodyOver(1))), atEnd, middleware.ErrNoBodyHandler.Error()},
		"recipients inside, no Rcpt":  {middleware.ApplyWhen(middleware.Authenticated(), recipients()), onMail, "ApplyWhen: " + middleware.ErrNoRcptHandler.Error()},
		"OnlyStages inside ApplyWhen": {middleware.ApplyWhen(middleware.Authenticated(), rcpt()), onMail, "ApplyWhen: wraps no handler of the stages [rcpt]"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			onRcpt(r) // outside of the middleware
			r.Mount(filter("f", c.register), framework.With(c.mw))
			_, err := r.Plan()
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "middleware/effect_test.go:")
			var one *framework.RegistrationError
			require.ErrorAs(t, err, &one)
			assert.Equal(t, one.Error(), err.Error(), "one error")
		})
	}
}

func everywhere(r *framework.Router) { everyStage(r, true) }

// What has an effect at one handler of the router is right, also with handlers and filters
// at which it has none.
func TestWithEffect(t *testing.T) {
	t.Parallel()
	late := middleware.Share(1, middleware.ByQueueID())
	tests := map[string]struct {
		mw       framework.Middleware
		register func(r *framework.Router)
	}{
		"recipients":                 {perHour(middleware.BySender(), true), onRcpt},
		"recipients, observed":       {perHour(middleware.BySender(), true), func(r *framework.Router) { r.ObserveRcpt(watches) }},
		"a late key at the end":      {perHour(middleware.ByQueueID(), false), atEnd},
		"large for sure":             {middleware.ApplyWhen(middleware.BodyOver(1), middleware.Recover()), func(r *framework.Router) { r.OnBody(goesOn) }},
		"Any with one that is early": {middleware.ApplyWhen(middleware.Any(middleware.Authenticated(), late), perHour(middleware.BySender(), true)), onRcpt},
		"not all, one of them early": {middleware.ApplyWhen(middleware.Not(middleware.All(middleware.Authenticated(), late)), perHour(middleware.BySender(), true)), onRcpt},
		"decided early, When":        {middleware.When(middleware.All(middleware.Authenticated(), late)), onRcpt},
		"nothing to decide":          {middleware.ApplyWhen(middleware.All(), perHour(middleware.BySender(), true)), onRcpt},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Use(c.mw)
			r.Mount(filter("one", c.register))
			if name != "large for sure" {
				r.Mount(filter("other", func(r *framework.Router) { r.OnHelo(goesOn) }))
			}
			_, err := r.Plan()
			assert.NoError(t, err)
		})
	}
}

// The same middleware in two routers is checked in each.
func TestEffectOfEachRouter(t *testing.T) {
	t.Parallel()
	limit := perHour(middleware.BySender(), true)
	for _, c := range []struct {
		register func(r *framework.Router)
		want     error
	}{{onRcpt, nil}, {onMail, middleware.ErrNoRcptHandler}, {onRcpt, nil}} {
		r := framework.NewRouter()
		r.Use(limit)
		c.register(r)
		_, err := r.Plan()
		assert.ErrorIs(t, err, c.want)
	}
}

// A wrong rate is the only error of a limit that is mounted by itself.
func TestWrongRateAlone(t *testing.T) {
	t.Parallel()
	limit := middleware.RateLimit(middleware.RateLimitConfig{By: middleware.BySender()})
	r := framework.NewRouter()
	r.Mount(framework.AsFilter("limit", limit, framework.StageConnect, framework.StageMail, framework.StageRcpt))
	_, err := r.Plan()
	var one *framework.RegistrationError
	require.ErrorAs(t, err, &one)
	assert.Equal(t, one.Error(), err.Error())
	assert.ErrorContains(t, err, "RateLimitConfig.Rate is the zero value")
}

// With an error for each event before, a condition that skipped the recipients made the
// limit fail at the end of the message.
func TestRecipientsSkippedByACondition(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Use(middleware.When(middleware.ClientIn("10.0.0.0/8")), middleware.RateLimit(middleware.RateLimitConfig{
		Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: middleware.BySender(), Recipients: true,
	}))
	onRcpt(r)
	atEnd(r)
	miltertest.RunRouter(t, r, miltertest.Message(letter, miltertest.Client("192.0.2.1"))).AssertAccepted(t)
}
