package metrics_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware/metrics"
)

func ExampleMetrics_Middleware() {
	registry := prometheus.NewRegistry()
	m, err := metrics.New(metrics.Config{Registerer: registry})
	if err != nil {
		panic(err)
	}
	r := framework.NewRouter()
	r.Use(m.Middleware)
	r.OnMail(func(_ *framework.Session, e *framework.Mail) (framework.Verdict, error) {
		return framework.Reply(550, "5.7.1", "no mail from "+e.Sender())
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("From: ann@example.org\n\nhi\n", miltertest.From("ann@example.org")))
	err = testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP sluice_messages_total Messages by the last verdict, and the filter that gave it.
# TYPE sluice_messages_total counter
sluice_messages_total{filter="main",verdict="reply_5xx"} 1
`), "sluice_messages_total")
	fmt.Println(err)
	// Output:
	// <nil>
}
