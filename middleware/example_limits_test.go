package middleware_test

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/middleware"
)

// Middleware outside of Recover gets an error instead of a panic.
func ExampleRecover() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()

	r := framework.NewRouter()
	r.Use(
		func(_ *framework.Route, next framework.Handler) framework.Handler {
			return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
				v, err := next(s, ev)
				if panicked := new(framework.PanicError); errors.As(err, &panicked) {
					fmt.Println("counted:", panicked.Value)
				}
				return v, err
			}
		},
		middleware.Recover(),
	)
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { panic("out of luck") })

	res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n"))
	fmt.Println(res.Reply())
	// Output:
	// counted: out of luck
	// 451 4.3.0 mail filter failed, try again later
}

// A scanner that needs much memory runs at most four times at once. Sixteen
// messages may wait for it.
func ExampleThrottle() {
	r := framework.NewRouter()
	four := middleware.Throttle(middleware.ThrottleConfig{Max: 4, Queue: 16, Wait: 20 * time.Second})
	r.With(four).OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, nil // scan
	})
	_, err := r.Plan()
	fmt.Println(err)
	// Output: <nil>
}

// A filter that keeps each message in memory processes at most ten at a time,
// counted from the first header field on.
func ExampleMaxMessages() {
	r := framework.NewRouter()
	ten := middleware.MaxMessages(middleware.ThrottleConfig{Max: 10})
	r.Use(middleware.OnlyStages(ten, framework.StageHeader, framework.StageBody, framework.StageEndOfMessage))
	r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
	_, err := r.Plan()
	fmt.Println(err)
	// Output: <nil>
}

// A sender may send two messages an hour. The third is refused, and those of
// other senders are accepted.
func ExampleRateLimit() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()

	r := framework.NewRouter()
	r.Use(middleware.RateLimit(middleware.RateLimitConfig{
		Rate: middleware.Rate{Events: 2, Per: time.Hour},
		By:   middleware.BySender(),
	}))
	r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { return framework.Continue, nil })

	conn := miltertest.NewRouterServer(t, r).Dial(t)
	for _, sender := range []string{"ann@example.org", "ann@example.org", "ann@example.org", "bob@example.org"} {
		res := conn.Run(t, miltertest.Message("From: a@example.org\n\nhi\n", miltertest.From(sender)))
		fmt.Printf("%s %q\n", sender, res.Reply())
	}
	// Output:
	// ann@example.org ""
	// ann@example.org ""
	// ann@example.org "451 4.7.1 rate limit exceeded, try again later"
	// bob@example.org ""
}

// Handlers at the end of a message know the user of the client, although the
// MTA sends the macro at MAIL.
func ExampleMacros() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()

	r := framework.NewRouter()
	r.Use(middleware.Macros(middleware.MacrosConfig{
		Names: []middleware.MacroName{middleware.MacroAuthUser, middleware.MacroQueueID},
	}))
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		macros := middleware.MacrosFrom(s.Context())
		fmt.Println(macros.AuthUser(), "sends", macros.QueueID())
		return framework.Continue, nil
	})
	miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n",
		miltertest.Auth("ann"), miltertest.QueueID("4F1Zq")))
	// Output: ann sends 4F1Zq
}

// A filter runs only for mail of strangers.
func ExampleWhen() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()

	strangers := middleware.Not(middleware.Any(middleware.Authenticated(), middleware.ClientIn("10.0.0.0/8", "127.0.0.1")))
	r := framework.NewRouter()
	r.With(middleware.When(strangers)).Mount(miltertest.FilterFunc("strict", func(r *framework.Router) error {
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
			return framework.Reply(550, "5.7.1", "no")
		})
		return nil
	}))
	for _, client := range []string{"192.0.2.7", "10.1.2.3"} {
		res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n", miltertest.Client(client),
			miltertest.Macro(framework.StageConnect, "client_addr", client)))
		fmt.Println(client, res.Delivered())
	}
	// Output:
	// 192.0.2.7 false
	// 10.1.2.3 true
}

// Users who authenticate have a limit each. Other mail has none.
func ExampleApplyWhen() {
	r := framework.NewRouter()
	r.Use(middleware.ApplyWhen(middleware.Authenticated(), middleware.RateLimit(middleware.RateLimitConfig{
		Rate: middleware.Rate{Events: 100, Per: time.Hour}, By: middleware.ByAuthUser(), Recipients: true,
	})))
	r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Continue, nil })
	plan, err := r.Plan()
	fmt.Println(plan.Macros[1].Names, err)
	// Output: {auth_authen} <nil>
}

// A new filter is tried on five percent of the mail.
func ExampleSample() {
	r := framework.NewRouter()
	r.With(middleware.Sample(0.05, middleware.ByQueueID())).OnEndOfMessage(
		func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, nil
		})
	plan, err := r.Plan()
	fmt.Println(plan.Macros[0].Stage, plan.Macros[0].Names, err)
	// Output: SMFIM_DATA i <nil>
}

// The limit of recipients wraps the handlers of Rcpt only.
func ExampleOnlyStages() {
	r := framework.NewRouter()
	limit := middleware.RateLimit(middleware.RateLimitConfig{
		Rate: middleware.Rate{Events: 1000, Per: time.Hour}, By: middleware.ByClient(), Recipients: true,
	})
	r.Use(middleware.OnlyStages(limit, framework.StageRcpt))
	r.OnRcpt(func(*framework.Session, *framework.Rcpt) (framework.Verdict, error) { return framework.Continue, nil })
	_, err := r.Plan()
	fmt.Println(err)
	// Output: <nil>
}

// The limit is mounted by itself: a client may name one recipient an hour, whatever the
// other filters do.
func ExampleRateLimit_alone() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()

	limit := middleware.RateLimit(middleware.RateLimitConfig{
		Rate: middleware.Rate{Events: 1, Per: time.Hour}, By: middleware.ByClient(), Recipients: true,
	})
	r := framework.NewRouter()
	r.Mount(framework.AsFilter("rcptrate", limit, framework.StageRcpt))

	res := miltertest.RunRouter(t, r, miltertest.Message("From: a@example.org\n\nhi\n",
		miltertest.To("ann@example.net", "bob@example.net")))
	fmt.Println(res.Recipients())
	// Output: [ann@example.net]
}
