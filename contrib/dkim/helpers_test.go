package dkim_test

import (
	"context"
	"crypto"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// zone is a DNS zone of TXT records, by name without the trailing dot.
type zone map[string][]string

func (z zone) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	texts, ok := z[strings.TrimSuffix(name, ".")]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return texts, nil
}

// publish returns a zone with the public keys of private keys.
func publish(t testing.TB, keys ...dkim.Key) zone {
	t.Helper()
	z := make(zone)
	for _, k := range keys {
		record, err := dkim.FormatRecord(k.Signer.Public())
		require.NoError(t, err)
		z[dkim.RecordName(k.Selector, k.Domain)] = []string{record}
	}
	return z
}

// keyring generates each private key only once, because RSA keys take a while.
type keyring struct {
	mu   sync.Mutex
	keys map[string]crypto.Signer
}

var ring = keyring{keys: make(map[string]crypto.Signer)}

// private returns the private key with a name: "rsa", "ed25519" or "rsa1024". A
// slash and any text after it select other keys of the kind.
func private(t testing.TB, name string) crypto.Signer {
	t.Helper()
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if ring.keys[name] == nil {
		kind, _, _ := strings.Cut(name, "/")
		bits := dkim.DefaultBits
		if kind == "rsa1024" {
			kind, bits = "rsa", dkim.MinBits
		}
		key, err := dkim.GenerateKey(kind, bits)
		require.NoError(t, err)
		ring.keys[name] = key
	}
	return ring.keys[name]
}

func key(t testing.TB, domain, selector, name string) dkim.Key {
	t.Helper()
	return dkim.Key{Domain: domain, Selector: selector, Signer: private(t, name)}
}

// forExample signs for example.org and its subdomains.
func forExample(keys ...dkim.Key) dkim.Signing {
	return dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"example.org", ".example.org"}, Keys: keys}}}
}

// now is the current time in tests that depend on the time.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func clock() time.Time { return now }

// secondOpinion verifies a message with another implementation. It returns the
// domains of the signatures.
func secondOpinion(t testing.TB, z zone, message string) []string {
	t.Helper()
	results, err := msgauth.VerifyWithOptions(strings.NewReader(message), &msgauth.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return z.LookupTXT(context.Background(), name) },
	})
	require.NoError(t, err)
	var domains []string
	for _, r := range results {
		require.NoError(t, r.Err, "%s\n%s", r.Domain, message)
		domains = append(domains, r.Domain)
	}
	return domains
}

// crlf gives a text the line ends of mail.
func crlf(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

// describe returns results in a form that is easy to compare.
func describe(results []dkim.Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Status, r.Domain, r.Reason))
	}
	return out
}
