package arc_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The verifier writes the state of the chain, and the sealer continues the chain. The zone
// replaces the DNS: a program would use a Resolver of package contrib/resolver.
func ExampleNewSealer() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	key, err := dkim.GenerateKey("rsa", 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := dkim.FormatRecord(key.Public())
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := arc.NewVerifier(arc.VerifierConfig{Resolver: zone{"arc._domainkey.example.net": {record}}, AuthservID: "mx.example.net"})
	if err != nil {
		fmt.Println(err)
		return
	}
	sealer, err := arc.NewSealer(arc.SealerConfig{Domain: "example.net", Selector: "arc", Signer: key, AuthservID: "mx.example.net"})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := framework.NewRouter()
	r.Mount(verifier)
	// Here stand the filters that edit the message.
	r.Mount(sealer)
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	message := miltertest.Message("From: ann@example.org\nSubject: hello\n\nHow are you?\n")
	for range 2 { // as if the message came back to this host
		res := conn.Run(t, message)
		fmt.Println(strings.Fields(res.Header("Authentication-Results"))[:2])
		for _, field := range res.Edited.Header[:3] {
			fmt.Println(field.Name)
		}
		message = res.Edited
		message.Client = miltertest.Message("").Client
	}
	// Output:
	// [mx.example.net; arc=none]
	// ARC-Seal
	// ARC-Message-Signature
	// ARC-Authentication-Results
	// [mx.example.net; arc=pass]
	// ARC-Seal
	// ARC-Message-Signature
	// ARC-Authentication-Results
}

func ExampleNewVerifier() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	filter, err := arc.NewVerifier(arc.VerifierConfig{Resolver: zone{}, AuthservID: "mx.example.net"})
	if err != nil {
		fmt.Println(err)
		return
	}
	res := miltertest.Run(t, filter, miltertest.Message("ARC-Seal: i=1; cv=none\nFrom: ann@example.org\n\nx\n"))
	fmt.Println(res.Header("Authentication-Results"))
	// Output:
	// mx.example.net;
	// 	arc=fail reason="instance 1 has no ARC-Authentication-Results field"
	// 	 smtp.remote-ip=192.0.2.1
}

// A filter that is mounted behind the verifier asks what a sealer that it trusts has found out.
func ExampleResultsOf() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	const message = "Authentication-Results: mx.one.example; spf=pass smtp.mailfrom=ann@example.org\nFrom: ann@example.org\n\nx\n"
	key, err := dkim.GenerateKey("rsa", 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := dkim.FormatRecord(key.Public())
	if err != nil {
		fmt.Println(err)
		return
	}
	fields, err := arc.Seal(arc.SealerConfig{
		Domain: "one.example", Selector: "arc", Signer: key, AuthservID: "mx.one.example",
	}, arc.Result{Status: arc.None}, strings.NewReader(message))
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := arc.NewVerifier(arc.VerifierConfig{Resolver: zone{"arc._domainkey.one.example": {record}}, AuthservID: "mx.example.net"})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := framework.NewRouter()
	r.Mount(verifier)
	r.Mount(miltertest.FilterFunc("reader", func(r *framework.Router) error {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			result, ok := arc.ResultsOf(s)
			if !ok || result.Status != arc.Pass {
				return framework.Continue, nil
			}
			for _, set := range result.Sets {
				for _, found := range set.Results.Results {
					fmt.Println(set.Domain, found.Method, found.Value)
				}
			}
			return framework.Continue, nil
		})
		return nil
	}))
	miltertest.RunRouter(t, r, miltertest.Message(strings.Join(fields, "")+message))
	// Output:
	// one.example arc none
	// one.example spf pass
}

func ExampleVerify() {
	message := strings.NewReader("ARC-Seal: i=2; cv=pass\nFrom: ann@example.org\n\nx\n")
	result, err := arc.Verify(context.Background(), arc.VerifierConfig{Resolver: zone{}}, message)
	fmt.Println(result.Status, result.Reason, err)
	// Output: fail instance 1 has no ARC-Authentication-Results field <nil>
}

func ExampleSeal() {
	key, err := dkim.GenerateKey("rsa", 2048)
	if err != nil {
		fmt.Println(err)
		return
	}
	const message = "Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=ann@example.org\nFrom: ann@example.org\n\nx\n"
	result, err := arc.Verify(context.Background(), arc.VerifierConfig{Resolver: zone{}}, strings.NewReader(message))
	if err != nil {
		fmt.Println(err)
		return
	}
	fields, err := arc.Seal(arc.SealerConfig{
		Domain: "example.net", Selector: "arc", Signer: key, AuthservID: "mx.example.net",
	}, result, strings.NewReader(message))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, field := range fields[:2] {
		name, _, _ := strings.Cut(field, ":")
		fmt.Println(name)
	}
	fmt.Print(strings.ReplaceAll(fields[2], "\r\n", "\n"))
	// Output:
	// ARC-Seal
	// ARC-Message-Signature
	// ARC-Authentication-Results: i=1; mx.example.net;
	// 	arc=none; spf=pass smtp.mailfrom=ann@example.org
}
