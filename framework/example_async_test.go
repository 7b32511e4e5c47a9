package framework_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A look-up that begins when the sender is known runs while the message arrives.
func ExampleAsync() {
	lookUp := func(_ context.Context, sender string) (int, error) { return len(sender), nil }

	r := framework.NewRouter()
	score := framework.Async[int](r)
	r.ObserveMail(func(s *framework.Session, m *framework.Mail) error {
		sender := m.Sender()
		return score.Start(s, func(ctx context.Context) (int, error) { return lookUp(ctx, sender) })
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		points, err := score.Wait(s)
		fmt.Println("score:", points, err)
		return framework.Continue, err
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\n", miltertest.From("ann@example.org"))).AssertAccepted(t)
	// Output: score: 15 <nil>
}

// What is known about a client is asked once, however many messages it sends.
func ExampleAsyncPerConnection() {
	r := framework.NewRouter()
	country := framework.AsyncPerConnection[string](r)
	r.ObserveConnect(func(s *framework.Session, c *framework.Connect) error {
		addr := c.Addr()
		return country.Start(s, func(context.Context) (string, error) {
			fmt.Println("asking about", addr)
			return "Utopia", nil
		})
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		name, err := country.Wait(s)
		fmt.Println("a message from", name)
		return framework.Continue, err
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	for range 2 {
		conn.Run(t, miltertest.Message("Subject: hello\n\n", miltertest.Client("192.0.2.7"))).AssertAccepted(t)
	}
	// Output:
	// asking about 192.0.2.7
	// a message from Utopia
	// a message from Utopia
}

// Filters that begin before the end of the message work at the same time.
func ExampleRouter_BeforeEndOfMessage() {
	scanner := func(name string) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			body, clean := r.WantBody(), framework.Async[bool](r)
			r.BeforeEndOfMessage(func(s *framework.Session) error {
				size := body.Size(s)
				fmt.Println(name, "begins with", size, "bytes")
				return clean.Start(s, func(context.Context) (bool, error) {
					time.Sleep(100 * time.Millisecond)
					return size < 1000, nil
				})
			})
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				ok, err := clean.Wait(s)
				fmt.Println(name, "found it clean:", ok)
				return framework.Continue, err
			})
			return nil
		})
	}
	r := framework.NewRouter()
	r.Mount(scanner("first"))
	r.Mount(scanner("second"))

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n")).AssertAccepted(t)
	// Output:
	// first begins with 14 bytes
	// second begins with 14 bytes
	// first found it clean: true
	// second found it clean: true
}
