package dmarc_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The filter rejects mail that the domain of its author does not want to be delivered, and accepts
// it from a mailing list. The zone replaces the DNS: a program would use resolver.New.
func ExampleNew() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	dns := resolvertest.New(t, `
		example.org.        TXT "v=spf1 -all"
		_dmarc.example.org. TXT "v=DMARC1; p=reject"
		list.example.com.   TXT "v=spf1 ip4:192.0.2.1 -all"
	`)
	sender, err := spf.New(spf.Config{Resolver: dns, AuthservID: "mx.example.net", HeloIfNeeded: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, err := dmarc.New(dmarc.Config{
		Resolver:   dns,
		AuthservID: "mx.example.net",
		Actions:    dmarc.Actions{Reject: dmarc.Reject, TempError: dmarc.TempFail},
		Forwarders: []dmarc.Forwarder{{Domains: []string{"list.example.com"}, MailingList: true}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	router := framework.NewRouter()
	router.Mount(sender)
	router.Mount(policy)

	for _, from := range []string{"ann@example.org", "bounce@list.example.com"} {
		res := miltertest.RunRouter(t, router, miltertest.Message("From: Ann <ann@example.org>\nSubject: hello\n\nHow are you?\n",
			miltertest.From(from), miltertest.Client("192.0.2.1")))
		fmt.Println(res.Header("Authentication-Results") + res.Reply())
	}
	// Output:
	// 550-5.7.1 DMARC: fail, mail of example.org is not authenticated, and the record at _dmarc.example.org has p=reject
	// 550 5.7.1 SPF has the result fail for example.org, and only pass counts.
	// mx.example.net;
	// 	spf=pass smtp.mailfrom=bounce@list.example.com;
	// 	dmarc=fail
	// 	 reason="mailing_list: spf=pass for list.example.com; No domain that SPF or DKIM has authenticated is aligned with the author domain example.org"
	// 	 header.from=example.org policy.dmarc=reject
}

// A message of a mailing list: the signature of the author is broken, and the list has signed
// it. The zone replaces the DNS.
func ExampleEvaluate() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	dns := resolvertest.New(t, `
		_dmarc.example.org. TXT "v=DMARC1; p=reject; t=y"
	`)
	r := dmarc.Evaluate(context.Background(), dns, dmarc.Input{
		From: []string{" Ann <ann@example.org>"},
		SPF:  []dmarc.SPF{{Result: "pass", Domain: "list.example.net"}},
		DKIM: []dmarc.DKIM{
			{Result: "fail", Domain: "example.org", Selector: "s1"},
			{Result: "pass", Domain: "list.example.net", Selector: "a"},
		},
	})
	fmt.Println(r.Status, r.Policy)
	for _, reason := range r.Reasons {
		fmt.Println("-", reason)
	}
	// Output:
	// fail quarantine
	// - No domain that SPF or DKIM has authenticated is aligned with the author domain example.org.
	// - SPF has the result pass for list.example.net, which is not of the same organization as example.org.
	// - DKIM has the result fail for example.org, and only pass counts.
	// - DKIM has the result pass for list.example.net, which is not of the same organization as example.org.
	// - The DMARC record of example.org wants the policy reject for mail of the domain itself (tag p).
	// - It tests the policy (t=y), and so quarantine applies, one step milder.
}

func ExampleResult_AuthRes() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	dns := resolvertest.New(t, `
		_dmarc.example.org. TXT "v=DMARC1; p=reject"
	`)
	r := dmarc.Evaluate(context.Background(), dns, dmarc.Input{
		From: []string{" Ann <ann@example.org>"},
		SPF:  []dmarc.SPF{{Result: "pass", Domain: "bounce.example.org"}},
	})
	value, err := authres.Format(authres.Field{ID: "mx.example.net", Results: []authres.Result{r.AuthRes()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.ReplaceAll(value, "\n\t", "\n  "))
	// Output:
	// mx.example.net;
	//   dmarc=pass header.from=example.org policy.dmarc=reject
}

// The queries show how a tree walk came to its end.
func ExampleDiscover() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	dns := resolvertest.New(t, `
		_dmarc.example.org. TXT "v=DMARC1; p=none; sp=quarantine"
	`)
	d, err := dmarc.Discover(context.Background(), dns, "news.mail.example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.OrganizationalDomain, d.PolicyDomain, d.Record.SubdomainPolicy)
	for _, q := range d.Queries {
		fmt.Println(q.Name, q.Type, "-", q.Answer)
	}
	// Output:
	// example.org example.org quarantine
	// _dmarc.news.mail.example.org TXT - no such name
	// _dmarc.mail.example.org TXT - no such name
	// _dmarc.example.org TXT - a DMARC record
	// _dmarc.org TXT - no such name
}

func ExampleParseRecord() {
	r, err := dmarc.ParseRecord("v=DMARC1; p=Quarantine; pct=50; rua=reports@example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Policy)
	for _, problem := range r.Problems {
		fmt.Println("-", problem)
	}
	// Output:
	// quarantine
	// - The tag pct has no meaning any more (RFC 9989) and is ignored.
	// - The tag rua has the address "reports@example.org", which is no URI: write mailto: before an address.
}
