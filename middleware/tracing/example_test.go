package tracing_test

import (
	"fmt"
	"os"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware/tracing"
)

func ExampleMiddleware() {
	exporter := tracetest.NewInMemoryExporter() // in production one of OpenTelemetry's, in a batcher
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))

	r := framework.NewRouter()
	r.Use(tracing.Middleware(tracing.Config{TracerProvider: provider}))
	r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) {
		return framework.Continue, nil
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n", miltertest.To("b@example.net", "c@example.net")))
	for _, span := range exporter.GetSpans() {
		fmt.Println(span.Name)
	}
	// Output:
	// main rcpt
	// milter message
}
