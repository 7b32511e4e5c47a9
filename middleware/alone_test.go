package middleware_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/metrics"
	"github.com/sluicemail/sluice/middleware/tracing"
	"github.com/sluicemail/sluice/wire/mta"
)

// perHour returns a RateLimit of one event an hour.
func perHour(by middleware.Key, recipients bool) framework.Middleware {
	return middleware.RateLimit(middleware.RateLimitConfig{
		Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: by, Recipients: recipients,
	})
}

const tooMany = "451 4.7.1 rate limit exceeded, try again later"

// Limits refuse without a filter, at the stage at which they are mounted.
func TestLimitsAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		mw      framework.Middleware
		stage   framework.Stage
		refuses mta.Stage
	}{
		"messages of a client":       {perHour(middleware.ByClient(), false), framework.StageMail, mta.StageMail},
		"messages of a sender":       {perHour(middleware.BySender(), false), framework.StageMail, mta.StageMail},
		"messages of a user":         {perHour(middleware.ByAuthUser(), false), framework.StageMail, mta.StageMail},
		"recipients of a client":     {perHour(middleware.ByClient(), true), framework.StageRcpt, mta.StageRcpt},
		"mail to a domain":           {perHour(middleware.ByRecipientDomain(), false), framework.StageRcpt, mta.StageRcpt},
		"one stage of several":       {middleware.OnlyStages(perHour(middleware.ByClient(), false), framework.StageMail, framework.StageData), framework.StageMail, mta.StageMail},
		"for those who logged in":    {middleware.ApplyWhen(middleware.Authenticated(), perHour(middleware.BySender(), false)), framework.StageMail, mta.StageMail},
		"at the end of the messages": {perHour(middleware.ByClient(), false), framework.StageEndOfMessage, mta.StageEndOfMessage},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := miltertest.NewServer(t, framework.AsFilter("limit", c.mw, c.stage))
			msg := miltertest.Message(letter, miltertest.Auth("ann"))
			srv.Dial(t).Run(t, msg).AssertUnmodified(t)
			res := srv.Dial(t).Run(t, msg)
			res.AssertTempFailed(t)
			assert.Equal(t, tooMany, res.Reply())
			assert.Equal(t, c.refuses, res.RefusedAt())
		})
	}
}

// A message counts from MAIL, where MaxMessages is mounted, to its end.
func TestMaxMessagesAlone(t *testing.T) {
	t.Parallel()
	one := middleware.MaxMessages(middleware.ThrottleConfig{Max: 1})
	srv := miltertest.NewServer(t, framework.AsFilter("limit", one, framework.StageMail))
	msg := miltertest.Message(letter)
	open := srv.Dial(t)
	_, err := open.SendPart(t.Context(), msg, 2)
	require.NoError(t, err)
	assert.Equal(t, "451 4.3.2 mail filter is busy, try again later", srv.Dial(t).Run(t, msg).Reply())
	require.NoError(t, open.Abort())
	open.Run(t, msg).AssertUnmodified(t)
	srv.Dial(t).Run(t, msg).AssertUnmodified(t)
}

// What is written once for each message needs no other filter either.
func TestReportsAlone(t *testing.T) {
	t.Parallel()
	registry, spans := prometheus.NewRegistry(), tracetest.NewInMemoryExporter()
	m, err := metrics.New(metrics.Config{Registerer: registry})
	require.NoError(t, err)
	var log testproc.Buffer
	r := framework.NewRouter()
	end := framework.StageEndOfMessage
	r.Mount(framework.AsFilter("log", middleware.Logger(middleware.LoggerConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))}), end))
	r.Mount(framework.AsFilter("metrics", m.Middleware, end))
	r.Mount(framework.AsFilter("traces", tracing.Middleware(tracing.Config{TracerProvider: sdk.NewTracerProvider(sdk.WithSyncer(spans))}), end))
	miltertest.RunRouter(t, r, miltertest.Message(letter)).AssertUnmodified(t)
	assert.Contains(t, log.String(), "verdict=continue")
	assert.NotEmpty(t, spans.GetSpans())
	n, err := testutil.GatherAndCount(registry, "sluice_messages_total")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

// A middleware that changes nothing where it is mounted is a mistake.
func TestIdleAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		mw    framework.Middleware
		stage framework.Stage
	}{
		"a limit before its key":            {perHour(middleware.BySender(), false), framework.StageConnect},
		"a limit on recipients before them": {perHour(middleware.ByRecipient(), false), framework.StageMail},
		"MaxMessages outside of messages":   {middleware.MaxMessages(middleware.ThrottleConfig{Max: 1}), framework.StageHelo},
		"Throttle at the close":             {middleware.Throttle(middleware.ThrottleConfig{Max: 1}), framework.StageClose},
		"a stage that OnlyStages excludes":  {middleware.OnlyStages(middleware.Recover(), framework.StageMail), framework.StageRcpt},
		"DryRun":                            {middleware.DryRun(), framework.StageRcpt},
		"Timeout":                           {middleware.Timeout(middleware.TimeoutConfig{Event: time.Second}), framework.StageRcpt},
		"NormalizeHeaders":                  {middleware.NormalizeHeaders(middleware.NormalizeConfig{}), framework.StageBody},
		"When at the close":                 {middleware.When(middleware.Authenticated()), framework.StageClose},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Mount(framework.AsFilter("alone", c.mw, c.stage))
			_, err := r.Plan()
			require.ErrorContains(t, err, "AsFilter with the stage "+c.stage.String()+", at which middleware.")
			assert.ErrorContains(t, err, "does nothing")
			assert.ErrorContains(t, err, "middleware/alone_test.go:")
		})
	}
}

// Conditions go around the middleware as around any filter.
func TestConditionsAroundMiddlewareAlone(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(framework.AsFilter("limit", perHour(middleware.ByClient(), true), framework.StageRcpt),
		framework.With(middleware.When(middleware.Not(middleware.ClientIn("10.0.0.0/8")))))
	srv := miltertest.NewRouterServer(t, r)
	for client, want := range map[string]string{"10.1.2.3": "", "192.0.2.7": tooMany} {
		msg := miltertest.Message(letter, miltertest.Client(client))
		srv.Dial(t).Run(t, msg).AssertUnmodified(t)
		assert.Equal(t, want, srv.Dial(t).Run(t, msg).Reply(), client)
	}
}

// The whole shelf mounted as filters, each where it does something, answers like other
// filters: with itself it composes, and on every MTA.
func TestShelfAloneConforms(t *testing.T) {
	t.Parallel()
	for _, b := range shelf() {
		stage := framework.StageRcpt
		switch b.name {
		case "Timeout", "OnlyStages elsewhere":
			continue // a mistake everywhere, or at this stage
		case "NormalizeHeaders":
			stage = framework.StageHeader
		case "When large":
			stage = framework.StageBody
		case "RateLimit by queue id", "Sample":
			stage = framework.StageEndOfMessage
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			r := framework.NewRouter()
			r.Mount(framework.AsFilter("a", b.make(), stage))
			r.Mount(framework.AsFilter("b", b.make(), stage), framework.With(b.make()))
			for _, p := range []miltertest.Personality{miltertest.Postfix(), miltertest.Sendmail()} {
				miltertest.RunRouter(t, r, miltertest.Message(letter), miltertest.As(p)).AssertUnmodified(t)
			}
		})
	}
}

// A limit mounted as a filter passes what TestFilter demands of every filter, but that it
// forgets the recipients of a message that was given up: they count.
func TestLimitAloneConforms(t *testing.T) {
	t.Parallel()
	limit := func() framework.Filter {
		return framework.AsFilter("limit", perHour(middleware.ByRecipientDomain(), false), framework.StageRcpt)
	}
	miltertest.TestFilter(t, limit(), miltertest.Fresh(limit), miltertest.Except("abort"))
}
