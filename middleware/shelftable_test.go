package middleware_test

import (
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/metrics"
	"github.com/sluicemail/sluice/middleware/tracing"
)

// shelf returns the middleware of this package with configurations that
// let everything pass. An idle one does nothing for an event after its first
// decision about the message.
func shelf() []struct {
	name string
	idle bool
	make func() framework.Middleware
} {
	rate := func(by middleware.Key, rcpts bool) func() framework.Middleware {
		return func() framework.Middleware {
			return middleware.RateLimit(middleware.RateLimitConfig{
				Rate: middleware.Rate{Events: 1e9, Per: 1e9 * time.Millisecond}, By: by, Recipients: rcpts,
			})
		}
	}
	plenty := middleware.ThrottleConfig{Max: 1000}
	recovers := middleware.Recover()
	return []struct {
		name string
		idle bool
		make func() framework.Middleware
	}{
		{"Recover", true, func() framework.Middleware { return recovers }},
		{"Throttle", false, func() framework.Middleware { return middleware.Throttle(plenty) }},
		{"MaxMessages", false, func() framework.Middleware { return middleware.MaxMessages(plenty) }},
		{"RateLimit by client", false, rate(middleware.ByClient(), false)},
		{"RateLimit by sender", false, rate(middleware.BySender(), false)},
		{"RateLimit by user", true, rate(middleware.ByAuthUser(), false)},
		{"RateLimit by queue id", false, rate(middleware.ByQueueID(), false)},
		{"RateLimit by recipient domain", false, rate(middleware.ByRecipientDomain(), false)},
		{"Macros", false, func() framework.Middleware {
			return middleware.Macros(middleware.MacrosConfig{Names: []middleware.MacroName{
				middleware.MacroQueueID, middleware.MacroClientAddr, middleware.MacroTLSVersion, middleware.MacroAuthUser, middleware.MacroRcptMailer,
			}})
		}},
		{"When client", false, func() framework.Middleware { return middleware.When(middleware.Not(middleware.ClientIn("10.0.0.0/8"))) }},
		{"When authenticated", true, func() framework.Middleware { return middleware.When(middleware.Not(middleware.Authenticated())) }},
		{"When large", true, func() framework.Middleware { return middleware.When(middleware.Not(middleware.BodyOver(1 << 30))) }},
		{"When not, sender", false, func() framework.Middleware { return middleware.When(middleware.SenderIn("example.org")) }},
		{"Sample", false, func() framework.Middleware { return middleware.Sample(1, middleware.ByQueueID()) }},
		{"OnlyStages elsewhere", true, func() framework.Middleware { return middleware.OnlyStages(recovers, framework.StageUnknown) }},
		{"ApplyWhen", true, func() framework.Middleware {
			return middleware.ApplyWhen(middleware.Authenticated(), middleware.Throttle(plenty))
		}},
		{"Timeout", true, func() framework.Middleware { return middleware.Timeout(middleware.TimeoutConfig{Event: time.Hour}) }},
		{"NormalizeHeaders", true, func() framework.Middleware {
			return middleware.NormalizeHeaders(middleware.NormalizeConfig{})
		}},
		{"Logger", false, func() framework.Middleware {
			return middleware.Logger(middleware.LoggerConfig{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		}},
		{"Logger without lines", true, func() framework.Middleware {
			return middleware.Logger(middleware.LoggerConfig{Logger: slog.New(slog.DiscardHandler)})
		}},
		{"metrics", true, func() framework.Middleware {
			m, err := metrics.New(metrics.Config{Registerer: prometheus.NewRegistry()})
			if err != nil {
				panic(err)
			}
			return m.Middleware
		}},
		{"tracing", false, func() framework.Middleware {
			return tracing.Middleware(tracing.Config{TracerProvider: sdk.NewTracerProvider()})
		}},
	}
}
