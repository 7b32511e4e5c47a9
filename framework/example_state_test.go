package framework_test

import (
	"bufio"
	"fmt"
	"os"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A macro contains additional information from the mail server, such as the
// authenticated user.
func ExampleRouter_WantMacro() {
	r := framework.NewRouter()
	login := r.WantMacro(framework.StageMail, "auth_authen")
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		if user, ok := login.Value(s); ok {
			fmt.Println("mail of", user)
			return framework.Continue, nil
		}
		return framework.Reply(530, "5.7.0", "Authentication required")
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	srv := miltertest.NewRouterServer(t, r)
	for _, opts := range [][]miltertest.MessageOption{nil, {miltertest.Auth("ann")}} {
		res := srv.Dial(t).Run(t, miltertest.Message("Subject: hello\n\nHow are you?\n", opts...))
		fmt.Printf("%v %q\n", res.Delivered(), res.Reply())
	}
	// Output:
	// false "530 5.7.0 Authentication required"
	// mail of ann
	// true ""
}

// What belongs to one message is kept in a slot, which every message finds
// empty. A filter's own fields are shared by all sessions.
func ExamplePerMessage() {
	r := framework.NewRouter()
	count := framework.PerMessage[int](r)
	r.ObserveRcpt(func(s *framework.Session, _ *framework.Rcpt) error {
		*count.Get(s)++
		return nil
	})
	r.OnData(func(s *framework.Session, _ *framework.Data) (framework.Verdict, error) {
		fmt.Println(*count.Get(s), "recipients")
		return framework.Continue, nil
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	conn.Run(t, miltertest.Message("\n", miltertest.To("ann@example.net", "bob@example.net")))
	conn.Run(t, miltertest.Message("\n", miltertest.To("cy@example.net")))
	// Output:
	// 2 recipients
	// 1 recipients
}

// State of a client is kept for its session, which includes all of its
// messages.
func ExamplePerConnection() {
	r := framework.NewRouter()
	messages := framework.PerConnection[int](r)
	r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
		*messages.Get(s)++
		if *messages.Get(s) > 1 {
			return framework.Reply(452, "4.5.3", "one message a session, please")
		}
		return framework.Continue, nil
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	for range 2 {
		res := conn.Run(t, miltertest.Message("Subject: hello\n\nHow are you?\n"))
		fmt.Printf("%v %q\n", res.Delivered(), res.Reply())
	}
	// Output:
	// true ""
	// false "452 4.5.3 one message a session, please"
}

// The router keeps a header or body that a filter requests as a whole. At the
// end of the message it contains the modifications of the filters that were
// mounted before.
func ExampleRouter_WantHeaders() {
	r := framework.NewRouter()
	headers, envelope, client := r.WantHeaders(), r.WantEnvelope(), r.WantClient()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		subject, _ := headers.First(s, "Subject")
		fmt.Println(subject.Value, "of", envelope.Sender(s), "from", client.Addr(s))
		return framework.Continue, nil
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n",
		miltertest.From("ann@example.org"), miltertest.Client("192.0.2.7")))
	// Output: hello of ann@example.org from 192.0.2.7
}

func ExampleRouter_WantBody() {
	r := framework.NewRouter()
	body := r.WantBody()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		scan := bufio.NewScanner(body.Reader(s)) // any number of times
		for scan.Scan() {
			fmt.Println(scan.Text())
		}
		fmt.Println(body.Size(s), "bytes")
		return framework.Continue, scan.Err()
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\nAnn\n"))
	// Output:
	// How are you?
	// Ann
	// 19 bytes
}

// The whole message, byte for byte, for what reads messages: a scanner, an archive, a
// parser.
func ExampleRouter_WantMessage() {
	r := framework.NewRouter()
	message := r.WantMessage()
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		fmt.Println(message.Size(s), "bytes")
		scan := bufio.NewScanner(message.Reader(s)) // any number of times
		for scan.Scan() {
			fmt.Printf("%q\n", scan.Text())
		}
		return framework.Continue, scan.Err()
	})

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	miltertest.RunRouter(t, r, miltertest.Message("Subject:hello\nTo: bob@example.net,\n ann@example.org\n\nHow are you?\n"))
	// Output:
	// 71 bytes
	// "Subject:hello"
	// "To: bob@example.net,"
	// " ann@example.org"
	// ""
	// "How are you?"
}
