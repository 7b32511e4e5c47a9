//go:build integration

package headers_test

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	peer "github.com/emersion/go-msgauth/dkim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// TestBeforeDKIM mounts rules before a signer in one process. The signature
// must cover the delivered message. An independent verifier checks it.
func TestBeforeDKIM(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	record, err := dkim.FormatRecord(public)
	require.NoError(t, err)
	const signed = "From:To:Subject:Reply-To:Date:Aa:Bb:Dd:X-Long-Name:X-Client"
	canonical := map[string]dkim.Canonicalization{"simple": dkim.Simple, "relaxed": dkim.Relaxed}
	rewriting := `
- do:
  - prefix: {name: Subject, text: '[größe] '}
  - rename: {name: Aa, to: Bb, which: last}
  - delete: {name: Dd, which: first}
  - add: {name: X-Client, value: '{{ .Client.Addr }} {{ .Helo }} {{ .Helo }} {{ .Helo }} {{ .Helo }}'}
  - reply_to: team@example.org
  - insert: {name: Aa, value: top}
`
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			for form, c := range canonical {
				for seed := range uint64(10) {
					signer, err := dkim.NewSigner(dkim.Config{Signing: dkim.Signing{
						Rules:   []dkim.Rule{{Senders: []string{"example.org"}, Keys: []dkim.Key{{Domain: "example.org", Selector: "s", Signer: private}}}},
						Headers: strings.Split(signed, ":"), Header: c, Body: c,
					}})
					require.NoError(t, err)
					d := drawn{rand.New(rand.NewPCG(seed, 2))}
					text := "rules:" + rewriting + strings.TrimPrefix(rulesYAML(d.rules()), "rules:\n")
					b.use(t, parsed(t, text), signer)
					code, reply, got := b.send(t, session{from: "ann@example.org"}, headerText(d.header())+"\nhello\n")
					require.Equal(t, 250, code, reply)
					about := fmt.Sprintf("%s %s\n%s\n%s", name, form, text, got)
					list, err := peer.VerifyWithOptions(strings.NewReader(got), &peer.VerifyOptions{
						LookupTXT: func(string) ([]string, error) { return []string{record}, nil },
					})
					require.NoError(t, err, about)
					require.Len(t, list, 1, about)
					assert.Contains(t, got, "X-Client: 127.0.0.1 client.example.test")
					assert.NoError(t, list[0].Err, about)
				}
			}
		})
	}
}
