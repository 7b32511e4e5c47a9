package resolvertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func Example() {
	t := miltertest.ExampleT(os.Stdout) // in a test, its *testing.T
	defer t.Finish()
	dns := resolvertest.New(t, `
		example.org.    MX 10 mx.example.org.
		mx.example.org. A  192.0.2.1
	`, resolvertest.Fail("broken.example"))
	for _, name := range []string{"mx.example.org", "example.org", "none.example", "broken.example"} {
		addrs, err := dns.LookupA(context.Background(), name)
		fmt.Println(name, addrs, errors.Is(err, resolver.ErrNoData), errors.Is(err, resolver.ErrNXDomain), errors.Is(err, resolver.ErrServer))
	}
	// Output:
	// mx.example.org [192.0.2.1] false false false
	// example.org [] true false false
	// none.example [] false true false
	// broken.example [] false false true
}

// A program that runs as a process gets the address of a server.
func ExampleListen() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	address := resolvertest.Listen(t, `example.org. TXT "hello"`)
	dns, err := resolver.New(resolver.Config{Servers: []string{address}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dns.LookupTXT(context.Background(), "example.org"))
	// Output: [hello] <nil>
}
