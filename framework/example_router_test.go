package framework_test

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A filter that refuses one recipient and adds a field to the mail of the
// others.
func ExampleRouter() {
	r := framework.NewRouter()
	add := r.GrantAddHeader()
	r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		if e.Recipient() == "nobody@example.net" {
			return framework.Reply(550, "5.1.1", "nobody lives here")
		}
		return framework.Continue, nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, "X-Seen", "yes")
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n",
		miltertest.To("bob@example.net", "nobody@example.net")))
	fmt.Println(res.Recipients(), res.Header("X-Seen"))
	// Output: [bob@example.net] yes
}

// What was registered is all that the mail server is asked for. Mistakes come
// back together, each with its file and line.
func ExampleRouter_Plan() {
	r := framework.NewRouter()
	r.GrantAddHeader()
	r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	plan, err := r.Plan()
	fmt.Println(plan.Actions, err)
	for _, reason := range plan.Reasons {
		if reason.Filter != "" {
			fmt.Println(reason.Bit, reason.Asked, reason.Cause)
		}
	}

	r = framework.NewRouter()
	r.OnRcpt(nil)
	_, err = r.Plan()
	mistake, _ := errors.AsType[*framework.RegistrationError](err)
	fmt.Println(mistake.Reason, "in", strings.TrimRight(mistake.Where, "0123456789"))
	// Output:
	// SMFIF_ADDHDRS <nil>
	// SMFIF_ADDHDRS true GrantAddHeader
	// SMFIP_NOMAIL false ObserveMail
	// SMFIP_NR_MAIL true ObserveMail
	// OnRcpt without a handler in framework/example_router_test.go:
}

// Use adds middleware to all later registrations. With and Group add it to some
// of them.
func ExampleRouter_Group() {
	say := func(word string) framework.Middleware {
		return func(rt *framework.Route, next framework.Handler) framework.Handler {
			stage := rt.Stage()
			return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
				fmt.Println(stage, word)
				return next(s, ev)
			}
		}
	}
	r := framework.NewRouter()
	r.Use(say("outer"))
	r.Group(func(r *framework.Router) {
		r.Use(say("inner"))
		r.ObserveMail(func(*framework.Session, *framework.Mail) error { return nil })
	})
	r.ObserveRcpt(func(*framework.Session, *framework.Rcpt) error { return nil })

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"))
	// Output:
	// mail outer
	// mail inner
	// rcpt outer
}

// Middleware is called once for each handler. The function that it returns is
// called for each event instead of the handler.
func ExampleMiddleware() {
	refusals := func(rt *framework.Route, next framework.Handler) framework.Handler {
		filter := rt.Filter()
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			verdict, err := next(s, ev)
			if verdict.Refuses() {
				fmt.Println(filter, "refuses at", ev.Stage(), "with", verdict)
			}
			return verdict, err
		}
	}
	r := framework.NewRouter()
	r.Use(refusals)
	r.Mount(miltertest.FilterFunc("strict", func(r *framework.Router) error {
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) {
			return framework.Reject, nil
		})
		return nil
	}))

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"))
	// Output: strict refuses at mail with reject
}
