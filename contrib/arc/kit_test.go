package arc_test

import (
	"context"
	"crypto"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
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

// broken is a DNS that does not answer for some names, by their beginnings.
type broken struct {
	zone
	fails string
}

func (b broken) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if strings.HasPrefix(name, b.fails) {
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	return b.zone.LookupTXT(ctx, name)
}

// keyring generates each private key only once, because RSA keys take a while.
type keyring struct {
	mu   sync.Mutex
	keys map[string]crypto.Signer
}

var ring = keyring{keys: make(map[string]crypto.Signer)}

// private returns the private key with a name. It is an RSA key of 1024 bits unless the name is
// "ed25519".
func private(t testing.TB, name string) crypto.Signer {
	t.Helper()
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if ring.keys[name] == nil {
		kind := "rsa"
		if name == "ed25519" {
			kind = name
		}
		key, err := dkim.GenerateKey(kind, dkim.MinBits)
		require.NoError(t, err)
		ring.keys[name] = key
	}
	return ring.keys[name]
}

// now is the time in tests.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func clock() time.Time { return now }

// hop is the configuration of the sealer of a domain.
func hop(t testing.TB, domain string) arc.SealerConfig {
	t.Helper()
	return arc.SealerConfig{Domain: domain, Selector: "arc", Signer: private(t, "rsa"), AuthservID: "mx." + domain, Now: clock}
}

// published is the zone with the keys of all domains that hop is called with.
func published(t testing.TB, domains ...string) zone {
	t.Helper()
	z := make(zone)
	record, err := dkim.FormatRecord(private(t, "rsa").Public())
	require.NoError(t, err)
	for _, domain := range domains {
		z[dkim.RecordName("arc", domain)] = []string{record}
	}
	return z
}

// domains are the domains of the sealers in tests, in their order.
var domains = []string{"one.example", "two.example", "three.example", "four.example", "five.example"}

// letter is a message without a chain.
const letter = "From: ann@example.org\r\nTo: bob@example.net\r\nSubject: hello\r\nDate: Wed, 4 Mar 2026 05:06:07 +0000\r\n\r\nHow are you?\r\n"

// verify verifies a message.
func verify(t testing.TB, z dkim.Resolver, message string) arc.Result {
	t.Helper()
	r, err := arc.Verify(t.Context(), arc.VerifierConfig{Resolver: z, Now: clock}, strings.NewReader(message))
	require.NoError(t, err)
	return r
}

// sealBy returns a message with the set of one more domain, which has verified it.
func sealBy(t testing.TB, z dkim.Resolver, domain, message string) string {
	t.Helper()
	fields, err := arc.Seal(hop(t, domain), verify(t, z, message), strings.NewReader(message))
	require.NoError(t, err)
	require.Len(t, fields, 3)
	return strings.Join(fields, "") + message
}

// sealed returns a message that the first n domains have sealed.
func sealed(t testing.TB, n int, message string) string {
	t.Helper()
	z := published(t, domains...)
	for _, domain := range domains[:n] {
		message = sealBy(t, z, domain, message)
	}
	return message
}

// verifier returns a filter that writes results as mx.example.net.
func verifier(t testing.TB, z dkim.Resolver) *arc.Verifier {
	t.Helper()
	f, err := arc.NewVerifier(arc.VerifierConfig{Resolver: z, AuthservID: "mx.example.net", Now: clock})
	require.NoError(t, err)
	return f
}

// adder is a filter that adds fields at the top.
func adder(fields ...[2]string) framework.Filter {
	return miltertest.FilterFunc("adder", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			for _, f := range slices.Backward(fields) {
				if err := add.InsertTop(s, f[0], f[1]); err != nil {
					return framework.Continue, err
				}
			}
			return framework.Continue, nil
		})
		return nil
	})
}
