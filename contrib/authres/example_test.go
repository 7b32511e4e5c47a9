package authres_test

import (
	"fmt"
	"os"

	"github.com/sluicemail/sluice/contrib/authres"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func ExampleParse() {
	f, err := authres.Parse("mx.example.org (our border) 1;\n" +
		"\tdkim=fail reason=\"bad signature\" header.d=example.com;\n" +
		"\tarc=pass arc.chain=lists.example")
	fmt.Println(f.ID, err)
	for _, r := range f.Results {
		domain, _ := r.Property("header", "d")
		fmt.Printf("%s=%s %q %q\n", r.Method, r.Value, r.Reason, domain)
	}
	// Output:
	// mx.example.org <nil>
	// dkim=fail "bad signature" "example.com"
	// arc=pass "" ""
}

func ExampleFormat() {
	value, err := authres.Format(authres.Field{ID: "mx.example.org", Results: []authres.Result{
		{Method: "spf", Value: "pass", Properties: []authres.Property{{Type: "smtp", Name: "mailfrom", Value: "ann@example.com"}}},
		{Method: "dkim", Value: "fail", Reason: "no key", Properties: []authres.Property{{Type: "header", Name: "b", Value: "abc/+="}}},
	}})
	fmt.Println(value, err)
	// Output:
	// mx.example.org;
	// 	spf=pass smtp.mailfrom=ann@example.com;
	// 	dkim=fail reason="no key" header.b="abc/+=" <nil>
}

func ExampleClaims() {
	for _, value := range []string{
		"mx.example.org; dkim=pass",
		`(by us) "MX.example.org" 1; dkim=pass`,
		"\u00a0mx.example.org; dkim=pass",
		"mx.example.com; dkim=pass header.d=mx.example.org",
	} {
		fmt.Println(authres.Claims(value, "mx.example.org"))
	}
	// Output:
	// true
	// true
	// true
	// false
}

// Two filters check mail and write one field. The field that the sender wrote is removed.
func Example() {
	const host = "mx.example.org"
	method := func(name string) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			forged, results := authres.NewRemover(r), authres.NewCollector(r)
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				if _, err := forged.Remove(s, authres.Judge{IDs: []string{host}}); err != nil {
					return framework.Continue, err
				}
				return framework.Continue, results.Write(s, host, authres.Result{Method: name, Value: "pass"})
			})
			return nil
		})
	}
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	r := framework.NewRouter()
	r.Mount(method("spf"))
	r.Mount(method("dkim"))
	res := miltertest.RunRouter(t, r, miltertest.Message("Authentication-Results: MX.example.org; spf=pass\nSubject: hello\n\nHow are you?\n"))
	for _, value := range res.HeaderValues(authres.FieldName) {
		fmt.Println(value)
	}
	// Output:
	// mx.example.org;
	// 	spf=pass;
	// 	dkim=pass
}
