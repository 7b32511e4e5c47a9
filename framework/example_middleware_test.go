package framework_test

import (
	"context"
	"fmt"
	"os"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// requestKey is the context key of the request name.
type requestKey struct{}

// naming gives each handler a context that contains the name of the request,
// for the functions that the handler calls.
func naming(rt *framework.Route, next framework.Handler) framework.Handler {
	name := rt.Filter() + "/" + rt.Stage().String()
	return func(s *framework.Session, ev framework.Event) (framework.Verdict, error) {
		return s.CallWithContext(context.WithValue(s.Context(), requestKey{}, name), next, ev)
	}
}

func ExampleSession_CallWithContext() {
	lookup := func(ctx context.Context, address string) {
		fmt.Println("looking up", address, "for", ctx.Value(requestKey{}))
	}
	r := framework.NewRouter()
	r.Use(naming)
	r.ObserveMail(func(s *framework.Session, e *framework.Mail) error {
		lookup(s.Context(), e.Sender())
		return nil
	})
	r.ObserveRcpt(func(s *framework.Session, e *framework.Rcpt) error {
		lookup(s.Context(), e.Recipient())
		return nil
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("From: ann@example.org\n\nhi\n",
		miltertest.From("ann@example.org"), miltertest.To("bob@example.net")))
	// Output:
	// looking up ann@example.org for main/mail
	// looking up bob@example.net for main/rcpt
}

// tally counts messages by their outcome.
type tally struct{ kinds map[string]int }

func (t *tally) add(_ *framework.Session, end *framework.MessageResult) {
	if end.Aborted {
		t.kinds["aborted"]++
		return
	}
	t.kinds[end.Verdict.Kind()]++
}

// Middleware around several filters counts each message once, since all routes
// of a router share what was made for it.
func ExampleOncePerRouter() {
	var tallies []*tally
	of := framework.OncePerRouter(func(rt *framework.Route) *tally {
		t := &tally{kinds: make(map[string]int)}
		tallies = append(tallies, t)
		rt.AfterMessage(t.add)
		return t
	})
	counting := func(rt *framework.Route, next framework.Handler) framework.Handler {
		of(rt)
		return next
	}
	r := framework.NewRouter()
	r.Use(counting)
	for _, name := range []string{"first", "second"} {
		r.Mount(miltertest.FilterFunc(name, func(r *framework.Router) error {
			r.OnMail(func(_ *framework.Session, e *framework.Mail) (framework.Verdict, error) {
				if e.Sender() == "spammer@example.org" && name == "second" {
					return framework.Reply(550, "5.7.1", "no")
				}
				return framework.Continue, nil
			})
			return nil
		}))
	}

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	srv := miltertest.NewRouterServer(t, r)
	conn := srv.Dial(t)
	for _, sender := range []string{"ann@example.org", "spammer@example.org", "bob@example.org"} {
		conn.Run(t, miltertest.Message("From: x@example.org\n\nhi\n", miltertest.From(sender)))
	}
	srv.Close(t)
	fmt.Println(len(tallies), tallies[0].kinds)
	// Output: 1 map[continue:2 reply:1]
}
