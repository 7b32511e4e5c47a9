package dkim_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// The filter signs mail of users who have logged in and verifies all other
// mail. The zone replaces the DNS: a program would use a Resolver of package
// contrib/resolver.
func ExampleNew() {
	key, err := dkim.GenerateKey("ed25519", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := dkim.FormatRecord(key.Public())
	if err != nil {
		fmt.Println(err)
		return
	}
	filter, err := dkim.New(dkim.Config{
		Signing: dkim.Signing{Rules: []dkim.Rule{{
			Senders: []string{"example.org"},
			Keys:    []dkim.Key{{Domain: "example.org", Selector: "s1", Signer: key}},
		}}},
		Verifying: dkim.Verifying{
			AuthservID: "mx.example.net",
			Resolver:   zone{dkim.RecordName("s1", "example.org"): {record}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	const text = "From: ann@example.org\nSubject: hello\n\nHow are you?\n"
	signed := miltertest.Run(t, filter, miltertest.Message(text, miltertest.Auth("ann")))
	for _, text := range []string{string(signed.Edited.Bytes()), text} {
		res := miltertest.Run(t, filter, miltertest.Message(text))
		fmt.Println(strings.Fields(res.Header("Authentication-Results"))[:2])
	}
	// Output:
	// [mx.example.net; dkim=pass]
	// [mx.example.net; dkim=none]
}
