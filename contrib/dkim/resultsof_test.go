package dkim_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestResultsOf reads the results in filters around this one.
func TestResultsOf(t *testing.T) {
	t.Parallel()
	type seen struct {
		results []dkim.Result
		ok      bool
	}
	reader := func(name string, to *seen) framework.Filter {
		return miltertest.FilterFunc(name, func(r *framework.Router) error {
			r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
				to.results, to.ok = dkim.ResultsOf(s)
				return framework.Continue, nil
			})
			return nil
		})
	}
	k := key(t, "example.org", "e", "ed25519")
	f, err := dkim.New(dkim.Config{
		Signing: forExample(k), Verifying: dkim.Verifying{AuthservID: "mx.example.net", Resolver: publish(t, k)},
	})
	require.NoError(t, err)
	var before, behind seen
	r := framework.NewRouter()
	r.Mount(reader("before", &before))
	r.Mount(f)
	r.Mount(reader("behind", &behind))
	conn := miltertest.NewRouterServer(t, r).Dial(t)

	conn.Run(t, miltertest.Message(craft(t, crafted{key: k.Signer, tags: tagsEd}, fromAnn, "x\n"))).AssertAccepted(t)
	assert.False(t, before.ok)
	assert.True(t, behind.ok)
	assert.Equal(t, []string{"pass example.org"}, describe(behind.results))

	conn.Run(t, miltertest.Message(fromAnn+"\nx\n")).AssertAccepted(t)
	assert.False(t, before.ok, "nothing is left of the last message")
	assert.True(t, behind.ok)
	assert.Equal(t, []string{"none"}, describe(behind.results))

	conn.Run(t, miltertest.Message(fromAnn+"\nx\n", miltertest.Auth("ann"))).AssertAccepted(t)
	assert.False(t, behind.ok, "a message that is signed has no results")
}

// A filter that is mounted behind this one uses its results.
func ExampleResultsOf() {
	t := miltertest.ExampleT(os.Stdout)
	defer t.Finish()
	filter, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{AuthservID: "mx.example.net", Resolver: zone{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := framework.NewRouter()
	r.Mount(filter)
	r.Mount(miltertest.FilterFunc("reader", func(r *framework.Router) error {
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			results, _ := dkim.ResultsOf(s)
			for _, result := range results {
				fmt.Println(result.Status)
			}
			return framework.Continue, nil
		})
		return nil
	}))
	miltertest.RunRouter(t, r, miltertest.Message("From: ann@example.org\n\nx\n"))
	// Output: none
}
