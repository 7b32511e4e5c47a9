package middleware_test

import (
	"log/slog"
	"os"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

func ExampleLogger() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "session" {
			return slog.Attr{} // they differ from run to run
		}
		return a
	}}))
	r := framework.NewRouter()
	r.Use(middleware.Logger(middleware.LoggerConfig{
		Logger: log,
		Fields: []middleware.LogField{middleware.LogClient, middleware.LogSender, middleware.LogModifications},
		Redact: middleware.HideLocalPart,
	}))
	add := r.GrantAddHeader()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Seen", "yes")
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("From: ann@example.org\n\nhi\n",
		miltertest.From("ann@example.org"), miltertest.Client("192.0.2.7"), miltertest.ClientName("mx.example.org"), miltertest.QueueID("4F1")))
	// Output:
	// level=INFO msg=message message=1 queue_id=4F1 client=192.0.2.7 client_name=mx.example.org sender=***@example.org verdict=continue stage="end of message" modifications.addheader=1
}
