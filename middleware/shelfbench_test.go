package middleware_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/middleware"
	"github.com/sluicemail/sluice/middleware/metrics"
	"github.com/sluicemail/sluice/middleware/tracing"
)

// BenchmarkShelf measures a message with 20 header fields, with the middleware
// that a daemon would use for all its filters, and without.
func BenchmarkShelf(b *testing.B) {
	m, err := metrics.New(metrics.Config{Registerer: prometheus.NewRegistry()})
	require.NoError(b, err)
	shelf := []framework.Middleware{
		middleware.Logger(middleware.LoggerConfig{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}),
		tracing.Middleware(tracing.Config{TracerProvider: sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))}),
		m.Middleware,
		middleware.Recover(),
		middleware.Timeout(middleware.TimeoutConfig{Event: time.Minute}),
		middleware.NormalizeHeaders(middleware.NormalizeConfig{}),
	}
	for name, mws := range map[string][]framework.Middleware{"without": nil, "with": shelf} {
		b.Run(name, func(b *testing.B) {
			l := turning(b, 20, 1, mws...)
			b.ReportAllocs()
			for b.Loop() {
				l.Message()
			}
		})
	}
}
