package headers_test

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// ourKey is a DNS with the key of example.org.
type ourKey string

func (k ourKey) LookupTXT(context.Context, string) ([]string, error) { return []string{string(k)}, nil }

// resultsFilters are filters that together make one Authentication-Results field: one that
// checks SPF, one that checks DKIM, and rules that strip forged results and mark the
// message.
func resultsFilters(t *testing.T, key ourKey) map[string]framework.Filter {
	t.Helper()
	dns := resolvertest.New(t, `example.org. TXT "v=spf1 +all"`)
	senders, err := spf.New(spf.Config{Resolver: dns, AuthservID: "mx.example.org", Networks: []netip.Prefix{}})
	require.NoError(t, err)
	verifier, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: key, AuthservID: "mx.example.org"}})
	require.NoError(t, err)
	rules := parsed(t, "rules: [{do: [{strip_auth_results: mx.example.org}, {insert: {name: X-Mark, value: x}}, {replace: {name: Subject, value: 's'}}]}]")
	return map[string]framework.Filter{"spf": senders, "dkim": verifier, "headers": rules}
}

// resultsLetter is a message, and what the verifier finds. Its header has the forged and
// the foreign fields on top, and then its own.
type resultsLetter struct{ own, body, dkim string }

func (l *resultsLetter) text() string { return ourResults + foreignResults + l.own + "\n" + l.body }

// resultsLetters returns messages without a signature, with one, and with one that is
// broken, and the key. The signature does not cover the field that the rules edit: the
// verifier may stand behind them.
func resultsLetters(t *testing.T) (map[string]*resultsLetter, ourKey) {
	t.Helper()
	key, err := dkim.GenerateKey("ed25519", 0)
	require.NoError(t, err)
	record, err := dkim.FormatRecord(key.Public())
	require.NoError(t, err)
	signer, err := dkim.NewSigner(dkim.Config{Signing: dkim.Signing{
		Rules:   []dkim.Rule{{Senders: []string{"example.org"}, Keys: []dkim.Key{{Domain: "example.org", Selector: "s", Signer: key}}}},
		Headers: []string{"From", "To"},
	}})
	require.NoError(t, err)
	const own, body = "From: ann@example.org\nTo: bob@example.net\nSubject: t\n", "body\n"
	signed := headerOf(miltertest.Run(t, signer, miltertest.Message(own+"\n"+body, miltertest.Auth("ann"))))
	require.NotEqual(t, own, signed)
	return map[string]*resultsLetter{
		"not signed": {own, body, "none"},
		"signed":     {signed, body, "pass"},
		"broken":     {signed, "another body\n", "fail"},
		"forged":     {strings.Replace(signed, "bob@", "eve@", 1), body, "fail"},
	}, ourKey(record)
}

// orders are all orders of the filters of resultsFilters.
func orders() (all [][]string) {
	names := []string{"spf", "dkim", "headers"}
	for _, p := range permutations(len(names)) {
		order := make([]string, len(p))
		for i, at := range p {
			order[i] = names[at]
		}
		all = append(all, order)
	}
	return all
}

// TestResultsInEveryOrder mounts filters in every order. The message has one field of this
// host with the results of all, what the rules did, and the fields of other hosts.
func TestResultsInEveryOrder(t *testing.T) {
	t.Parallel()
	letters, key := resultsLetters(t)
	filters := resultsFilters(t, key)
	for flavor, option := range flavors() {
		for _, order := range orders() {
			r := framework.NewRouter()
			for _, name := range order {
				r.Mount(filters[name])
			}
			for name, letter := range letters {
				res := miltertest.RunRouter(t, r, miltertest.Message(letter.text()), option)
				letter.check(t, fmt.Sprint(name, " on ", flavor, " ", order), order, headerOf(res))
			}
		}
	}
}

// check compares the header of the message after the filters, which were mounted in an
// order.
func (l *resultsLetter) check(t *testing.T, about string, order []string, got string) {
	t.Helper()
	rest, found := strings.CutSuffix(got, foreignResults+strings.Replace(l.own, "Subject: t\n", "Subject: s\n", 1))
	require.True(t, found, "%s\n%s", about, got)
	const mark = "X-Mark: x\n"
	assert.True(t, strings.HasPrefix(rest, mark) || strings.HasSuffix(rest, mark), "%s\n%s", about, got)
	field := strings.Join(strings.Fields(strings.Replace(rest, mark, "", 1)), " ")
	want := "Authentication-Results: mx.example.org"
	for _, name := range order {
		want += map[string]string{"spf": "; spf=pass; spf=none", "dkim": "; dkim=" + l.dkim, "headers": ""}[name]
	}
	assert.Equal(t, want, properties.ReplaceAllString(field, ""), about)
	assert.Equal(t, l.dkim != "none", strings.Contains(field, "header.d=example.org"), about)
}

// properties are what a result has after its status.
var properties = regexp.MustCompile(` (\([^)]*\)|reason="[^"]*"|(header|smtp)\.\w+=("[^"]*"|[^ ;]+))`)

// TestSampleStripsForgedResults runs headerd's sample over messages with forged results.
func TestSampleStripsForgedResults(t *testing.T) {
	t.Parallel()
	cfg, err := headers.Load("../../examples/headerd/headerd.yaml")
	require.NoError(t, err)
	filter, err := headers.New(cfg)
	require.NoError(t, err)
	res := miltertest.Run(t, filter, miltertest.Message("From: a@example.com\n"+ourResults+foreignResults+"\nbody\n"))
	res.AssertAccepted(t)
	for _, value := range res.HeaderValues("Authentication-Results") {
		assert.Contains(t, foreignResults, value)
	}
	assert.Len(t, res.HeaderValues("Authentication-Results"), 2)
}
