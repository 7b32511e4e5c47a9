package mailauth_test

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// A message is checked with all methods, and refused if the domain of the author wants that. The
// zone replaces the DNS: a program would use resolver.New.
func ExampleNew() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	dns := resolvertest.New(t, `
		example.org.        TXT "v=spf1 ip4:192.0.2.0/24 -all"
		_dmarc.example.org. TXT "v=DMARC1; p=reject"
	`)
	auth, err := mailauth.New(mailauth.Config{
		Resolver:   dns,
		AuthservID: "mx.example.net",
		SPF:        spf.Config{HeloIfNeeded: true},
		DMARC:      dmarc.Config{Actions: dmarc.Actions{Reject: dmarc.Reject, TempError: dmarc.TempFail}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	router := framework.NewRouter()
	auth.Mount(router)

	for _, client := range []string{"192.0.2.1", "198.51.100.1"} {
		res := miltertest.RunRouter(t, router, miltertest.Message("From: Ann <ann@example.org>\nSubject: hello\n\nHow are you?\n",
			miltertest.From("ann@example.org"), miltertest.Client(client), miltertest.Helo("mail.example.org")))
		fmt.Println(client + ": " + res.Header("Authentication-Results") + res.Reply())
	}
	// Output:
	// 192.0.2.1: mx.example.net;
	// 	spf=pass smtp.mailfrom=ann@example.org;
	// 	dkim=none;
	// 	arc=none;
	// 	dmarc=pass header.from=example.org policy.dmarc=reject
	// 198.51.100.1: 550-5.7.1 DMARC: fail, mail of example.org is not authenticated, and the record at _dmarc.example.org has p=reject
	// 550-5.7.1 SPF has the result fail for example.org, and only pass counts.
	// 550 5.7.1 There is nothing that DKIM could check.
}

// The results of a message become counts for metrics.
func ExampleSummary_Counts() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	counts := make(map[string]int)
	auth, err := mailauth.New(mailauth.Config{
		Resolver: resolvertest.New(t, `example.org. TXT "v=spf1 -all"`), AuthservID: "mx.example.net",
		Observe: func(s *mailauth.Summary) { // called by one session at a time here
			for method, result := range s.Counts() {
				counts[method+" "+result]++
			}
			fmt.Println(s.Action, s.SPF.MailFrom.Domain)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	router := framework.NewRouter()
	auth.Mount(router)
	miltertest.RunRouter(t, router, miltertest.Message("From: ann@example.org\n\nHow are you?\n", miltertest.From("ann@example.org")))
	fmt.Println(slices.Sorted(maps.Keys(counts)))
	// Output:
	// accept example.org
	// [arc none dkim none dmarc none helo none spf fail]
}
