package framework_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// maxRecipients is middleware that refuses recipients after the first n of a message.
func maxRecipients(n int) framework.Middleware {
	refuse := framework.MustReply(452, "4.5.3", "too many recipients")
	counts := framework.OncePerFilter(framework.PerMessage[int])
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		if rt.Stage() != framework.StageRcpt {
			return next
		}
		count := counts(rt)
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			if *count.Get(s)++; *count.Get(s) > n {
				return refuse, nil
			}
			return next(s, ev)
		}
	}
}

// A limit needs no filter with a handler that does nothing. The plan says what it is and
// where it is mounted.
func ExampleAsFilter() {
	r := framework.NewRouter()
	r.Mount(framework.AsFilter("maxrcpt", maxRecipients(1), framework.StageRcpt))

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	msg := miltertest.Message("Subject: hello\n\nHow are you?\n", miltertest.To("ann@example.org", "bob@example.org"))
	res := miltertest.RunRouter(t, r, msg)
	fmt.Println(res.Recipients())
	plan, _ := r.Plan()
	for line := range strings.Lines(plan.String()) {
		if strings.Contains(line, "NR_RCPT") {
			fmt.Print(line)
		}
	}

	// At a stage at which the middleware does nothing, mounting it is a mistake.
	r = framework.NewRouter()
	r.Mount(framework.AsFilter("maxrcpt", maxRecipients(1), framework.StageMail))
	_, err := r.Plan()
	fmt.Println(err)
	// Output:
	// [ann@example.org]
	// -  SMFIP_NR_RCPT     AsFilter(framework.maxRecipients) by maxrcpt at framework/example_mountmiddleware_test.go:34
	// framework: framework/example_mountmiddleware_test.go:50: filter "maxrcpt": AsFilter with the stage mail, at which framework.maxRecipients does nothing
}

// Middleware for one filter can be an option of the filter, as in lists of filters.
func ExampleWith() {
	r := framework.NewRouter()
	r.Mount(tagSubject("[list]"), framework.FailOpen(), framework.With(unlessFrom("10.1.2.3")))

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	for _, client := range []string{"192.0.2.7", "10.1.2.3"} {
		msg := miltertest.Message("Subject: hello\n\nHow are you?\n", miltertest.Client(client))
		fmt.Println(miltertest.RunRouter(t, r, msg).Header("Subject"))
	}
	// Output:
	// [list] hello
	// hello
}

// unlessFrom is middleware that does not call the handlers for a client.
func unlessFrom(client string) framework.Middleware {
	return func(rt *framework.Route, next framework.Handler) framework.Handler {
		addr := rt.WantMacro(framework.StageConnect, "client_addr")
		return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
			if is, _ := addr.Value(s); is == client {
				return framework.Continue, nil
			}
			return next(s, ev)
		}
	}
}
