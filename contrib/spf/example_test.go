package spf_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The filter rejects mail of clients that a domain does not allow to send for it. The zone
// replaces the DNS: a program would use resolver.New.
func ExampleNew() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	dns := resolvertest.New(t, `
		example.org.     TXT "v=spf1 ip4:192.0.2.0/24 -all exp=why.example.org"
		why.example.org. TXT "%{i} is none of our hosts."
	`)
	filter, err := spf.New(spf.Config{
		Resolver:   dns,
		AuthservID: "mx.example.net",
		MailFrom:   spf.Policy{Fail: spf.Reject, TempError: spf.TempFail},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, client := range []string{"192.0.2.1", "198.51.100.1"} {
		res := miltertest.Run(t, filter, miltertest.Message("Subject: hello\n\nHow are you?\n",
			miltertest.From("ann@example.org"), miltertest.Client(client), miltertest.Helo("mail.example.org")))
		fmt.Println(client + ": " + res.Header("Authentication-Results") + res.Reply())
	}
	// Output:
	// 192.0.2.1: mx.example.net;
	// 	spf=pass smtp.mailfrom=ann@example.org;
	// 	spf=none reason="mail.example.org has no record" smtp.helo=mail.example.org
	// 198.51.100.1: 550-5.7.23 SPF check of MAIL FROM: fail, 198.51.100.1 may not send mail for example.org
	// 550 5.7.23 example.org explains: 198.51.100.1 is none of our hosts.
}

// A filter that is mounted behind this one uses its results.
func ExampleResultsOf() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	filter, err := spf.New(spf.Config{
		Resolver: resolvertest.New(t, `example.org. TXT "v=spf1 ip4:192.0.2.0/24 -all"`), AuthservID: "mx.example.net",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := framework.NewRouter()
	r.Mount(filter)
	r.Mount(miltertest.FilterFunc("reader", func(r *framework.Router) error {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			if results, ok := spf.ResultsOf(s); ok {
				fmt.Println(results.MailFrom.Status, results.MailFrom.Domain)
			}
			return framework.Continue, nil
		})
		return nil
	}))
	miltertest.RunRouter(t, r, miltertest.Message("Subject: hello\n\nx\n", miltertest.From("ann@example.org")))
	// Output: pass example.org
}

func ExampleCheck() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	dns := resolvertest.New(t, `
		example.org.      TXT "v=spf1 include:_spf.example.org ~all"
		_spf.example.org. TXT "v=spf1 ip4:192.0.2.0/24 -all"
		mail.example.org. TXT "v=spf1 a -al"
	`)
	results := spf.Check(context.Background(), dns, spf.Query{
		IP: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org", MailFrom: "ann@example.org",
	})
	fmt.Println(results.MailFrom.Status, results.MailFrom.Mechanism)
	fmt.Println(results.Helo.Status, results.Helo.Reason)
	// Output:
	// pass include:_spf.example.org
	// permerror record of mail.example.org: "-al": unknown mechanism
}

func ExampleCheckRecord() {
	fmt.Println(spf.CheckRecord("v=spf1 mx ip4:192.0.2.0/24 -all"))
	fmt.Println(spf.CheckRecord("v=spf1 a:192.0.2.1 -all"))
	// Output:
	// <nil>
	// spf: "a:192.0.2.1": the domain does not end in a top-level domain or in a macro
}
