package miltertest_test

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// tagger marks mail in its subject.
func tagger() framework.Filter {
	return miltertest.FilterFunc("tagger", func(r *framework.Router) error {
		change := r.GrantChangeHeader()
		r.ObserveHeader(func(s *framework.Session, h *framework.Header) error {
			if !h.Is("Subject") {
				return nil
			}
			return change.Change(s, h.Handle(), "[ext] "+h.Value())
		})
		return nil
	})
}

// noSpam refuses one sender.
func noSpam() framework.Filter {
	return miltertest.FilterFunc("no-spam", func(r *framework.Router) error {
		r.OnMail(func(_ *framework.Session, m *framework.Mail) (framework.Verdict, error) {
			if m.Sender() == "spammer@example.com" {
				return framework.Reply(550, "5.7.1", "no spam please")
			}
			return framework.Continue, nil
		})
		return nil
	})
}

func ExampleRun() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	res := miltertest.Run(t, noSpam(), miltertest.Message("Subject: offer\n\nBuy!\n",
		miltertest.From("spammer@example.com"),
	))
	res.AssertRejected(t)
	fmt.Println(res.Reply())
	// Output: 550 5.7.1 no spam please
}

func ExampleRunRouter() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	r := framework.NewRouter()
	r.Mount(noSpam())
	r.Mount(tagger(), framework.FailOpen())
	res := miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nHow are you?\n"))
	res.AssertAccepted(t)
	fmt.Println(res.Header("Subject"))
	// Output: [ext] hello
}

func ExampleMessage() {
	msg := miltertest.Message("Subject: hello\n\nHow are you?\n",
		miltertest.From("ann@example.org", "SIZE=1000"),
		miltertest.To("bob@example.net", "cy@example.net"),
		miltertest.Client("2001:db8::7"),
		miltertest.Auth("ann"),
		miltertest.Macro(framework.StageConnect, "daemon_name", "submission"),
	)
	fmt.Println(msg.Sender.Addr, msg.Recipients[1].Addr, msg.Client.Addr)
	fmt.Printf("%q\n", msg.Bytes())
	// Output:
	// <ann@example.org> <cy@example.net> 2001:db8::7
	// "Subject: hello\r\n\r\nHow are you?\r\n"
}

func ExampleFilterFunc() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	var seen []string
	filter := miltertest.FilterFunc("observer", func(r *framework.Router) error {
		r.ObserveRcpt(func(_ *framework.Session, rcpt *framework.Rcpt) error {
			seen = append(seen, rcpt.Recipient())
			return nil
		})
		return nil
	})
	msg := miltertest.Message("\n", miltertest.To("bob@example.net", "cy@example.net"))
	miltertest.Run(t, filter, msg).AssertUnmodified(t)
	fmt.Println(seen)
	// Output: [bob@example.net cy@example.net]
}

func ExampleNewServer() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	srv := miltertest.NewServer(t, noSpam())
	conn := srv.Dial(t)
	spam := miltertest.Message("\n", miltertest.From("spammer@example.com"))
	fmt.Println(conn.Run(t, spam).Verdict)
	fmt.Println(conn.Run(t, miltertest.Message("\n")).Verdict.Code)
	srv.Close(t) // the server also closes when the test ends
	// Output:
	// SMFIR_REPLYCODE 550 5.7.1 no spam please
	// SMFIR_CONTINUE
}

func ExampleNewRouterServer() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	r := framework.NewRouter()
	r.Mount(noSpam())
	r.Mount(tagger())
	srv := miltertest.NewRouterServer(t, r)
	defer srv.Close(t)
	fmt.Println(srv.Plan().Actions)
	// Output: SMFIF_CHGHDRS
}

// A test can send one stage at a time.
func ExampleConn() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	srv := miltertest.NewServer(t, noSpam())
	defer srv.Close(t)
	conn := srv.Dial(t)
	for _, sender := range []string{"<spammer@example.com>", "<ann@example.org>"} {
		resp, err := conn.Mail(t.Context(), sender)
		fmt.Println(resp, err)
		_ = conn.Abort()
	}
	// Output:
	// SMFIR_REPLYCODE 550 5.7.1 no spam please <nil>
	// SMFIR_CONTINUE <nil>
}

func ExampleServer_DialRaw() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	srv := miltertest.NewServer(t, noSpam())
	conn := srv.DialRaw()
	_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	answer, err := io.ReadAll(conn)
	srv.Close(t)
	_, logged := srv.Logs().Find("connection is not an MTA's")
	fmt.Println(len(answer), err, logged)
	// Output: 0 <nil> true
}

func ExampleMTA() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	old := mta.Config{Flavor: mta.Sendmail, Offer: mta.PostfixOffer(2)}
	res := miltertest.Run(t, tagger(), miltertest.Message("Subject: hello\n\n"), miltertest.MTA(old))
	fmt.Println(res.Negotiated.Version, res.Header("Subject"))
	// Output: 2 [ext] hello
}

func ExampleConfigure() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	slow := miltertest.FilterFunc("slow", func(r *framework.Router) error {
		r.OnMail(func(s *framework.Session, _ *framework.Mail) (framework.Verdict, error) {
			<-s.Context().Done()
			return framework.Continue, s.Context().Err()
		})
		return nil
	})
	res := miltertest.Run(t, slow, miltertest.Message("\n"), miltertest.Configure(func(cfg *framework.Config) {
		cfg.HandlerTimeout = 20 * time.Millisecond
	}))
	res.AssertTempFailed(t)
	fmt.Println(res.Reply())
	// Output: 451 4.3.0 mail filter failed, try again later
}

func ExampleLane() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	broken := miltertest.FilterFunc("broken", func(r *framework.Router) error {
		r.OnMail(func(*framework.Session, *framework.Mail) (framework.Verdict, error) { panic("a bug") })
		return nil
	})
	res := miltertest.Run(t, broken, miltertest.Message("\n"), miltertest.Lane(framework.FailOpen()))
	res.AssertUnmodified(t)
	failure, _ := res.Logs.Find("handler failed")
	stage, _ := miltertest.LogAttr(failure, "stage")
	fmt.Println(stage)
	// Output: mail
}

func ExamplePipe() {
	mtaEnd, filterEnd := miltertest.Pipe()
	_, _ = io.WriteString(mtaEnd, "written before anybody reads")
	_ = mtaEnd.Close()
	text, err := io.ReadAll(filterEnd)
	fmt.Printf("%s, %v\n", text, err)
	// Output: written before anybody reads, <nil>
}

// A StandIn replaces the *testing.T, which an Example does not have.
func ExampleExampleT() {
	t := miltertest.ExampleT(os.Stdout)
	res := miltertest.Run(t, noSpam(), miltertest.Message("Subject: hello\n\n"))
	res.AssertAccepted(t)
	fmt.Println("all is well:", t.Finish())
	// Output: all is well: true
}
