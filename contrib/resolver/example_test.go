package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"blitiri.com.ar/go/spf"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func ExampleResolver() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	address := resolvertest.Listen(t, `s1._domainkey.example.org. TXT "v=DKIM1; " "p=MIGf..."`)
	r, err := resolver.New(resolver.Config{Servers: []string{address}}) // nil: those of /etc/resolv.conf
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, name := range []string{"s1._domainkey.example.org", "_domainkey.example.org", "s2._domainkey.example.org"} {
		texts, err := r.LookupTXT(ctx, name)
		switch {
		case errors.Is(err, resolver.ErrNXDomain):
			fmt.Println(name, "does not exist")
		case errors.Is(err, resolver.ErrNoData):
			fmt.Println(name, "has no text")
		case err != nil:
			fmt.Println("try again later:", err)
		default:
			fmt.Printf("%s: %q\n", name, texts)
		}
	}
	_, _ = r.LookupTXT(ctx, "S1._domainkey.example.org.")
	fmt.Println("answered by the cache:", r.Stats().Hits)
	// Output:
	// s1._domainkey.example.org: ["v=DKIM1; p=MIGf..."]
	// _domainkey.example.org has no text
	// s2._domainkey.example.org does not exist
	// answered by the cache: 1
}

func ExampleBudget() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	r := resolvertest.New(t, `example.org. A 192.0.2.1`)
	ctx := resolver.WithBudget(context.Background(), resolver.NewBudget(10, 2))
	for _, name := range []string{"a.example", "b.example", "c.example"} {
		_, err := r.LookupA(ctx, name)
		fmt.Println(err)
	}
	// Output:
	// resolver: a.example A: no such name
	// resolver: b.example A: no such name
	// resolver: c.example A: too many lookups for one message: 2 void lookups
}

// An SPF library that is written for [net.Resolver] shares the cache and the limits.
func ExampleResolver_Net() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	r := resolvertest.New(t, `
		example.org. TXT "v=spf1 mx -all"
		example.org. MX  10 mx.example.org.
		mx.example.org. A 192.0.2.1
	`, resolvertest.Fail("broken.example"))
	for _, from := range []string{"ann@example.org", "bob@none.example", "eve@broken.example"} {
		result, _ := spf.CheckHostWithSender(net.IP{192, 0, 2, 1}, "mx.example.org", from, spf.WithResolver(r.Net()))
		fmt.Println(from, result)
	}
	// Output:
	// ann@example.org pass
	// bob@none.example none
	// eve@broken.example temperror
}

// A command that checks one message shows what it looked up.
func ExampleTrace() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	var trace resolver.Trace
	r := resolvertest.NewConfig(t, resolver.Config{Observe: trace.Add}, `
		example.org. TXT "v=spf1 mx -all"
		example.org. MX  10 mx.example.org.
	`)
	for range 2 {
		_, _ = r.LookupTXT(context.Background(), "example.org")
	}
	_, _ = r.LookupMX(context.Background(), "example.org")
	_, _ = r.LookupTXT(context.Background(), "_dmarc.example.org")
	lookups, _ := trace.Lookups()
	for _, l := range lookups {
		fmt.Printf("%s %s: %s (%s)\n", l.Name, l.Type, l.Outcome(), l.Source)
	}
	// Output:
	// example.org TXT: "v=spf1 mx -all" (network)
	// example.org TXT: "v=spf1 mx -all" (cache)
	// example.org MX: 10 mx.example.org (network)
	// _dmarc.example.org TXT: no such name (network)
}
