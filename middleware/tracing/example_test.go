package tracing_test

import (
	"fmt"
	"os"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware/tracing"
)

func ExampleMiddleware() {
	exporter := tracetest.NewInMemoryExporter() // in production one of OpenTelemetry's, in a batcher
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))

	r := framework.NewRouter()
	r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
	lookups := provider.Tracer("directory")
	r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
		_, span := lookups.Start(s.Context(), "lookup") // a database's client would do so
		defer span.End()
		return framework.Continue, nil
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n", miltertest.To("b@example.net", "c@example.net")))
	spans := exporter.GetSpans()
	names := make(map[trace.SpanID]string)
	for _, span := range spans {
		names[span.SpanContext.SpanID()] = span.Name
	}
	for _, span := range spans {
		fmt.Printf("%s (below: %s)\n", span.Name, names[span.Parent.SpanID()])
	}
	// Output:
	// lookup (below: main rcpt)
	// lookup (below: main rcpt)
	// main rcpt (below: milter message)
	// milter message (below: )
}
