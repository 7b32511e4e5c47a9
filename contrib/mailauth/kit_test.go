package mailauth_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key is the key of all signatures and seals in the tests.
var key = sync.OnceValue(func() crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// keyRecord is the text of the record of the key.
func keyRecord(t testing.TB) string {
	t.Helper()
	record, err := dkim.FormatRecord(key().Public())
	require.NoError(t, err)
	return record
}

// keyZone returns the lines of a zone with the key of domains, at the selector s.
func keyZone(t testing.TB, domains ...string) string {
	t.Helper()
	record := keyRecord(t)
	var zone strings.Builder
	for _, domain := range domains {
		zone.WriteString("s._domainkey." + domain + `. TXT "` + record[:200] + `" "` + record[200:] + "\"\n")
	}
	return zone.String()
}

// signed returns a message that domains have signed.
func signed(t testing.TB, msg *mta.Message, domains ...string) *mta.Message {
	t.Helper()
	cfg := dkim.Config{Now: longAgo, Trust: dkim.Trust{Networks: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, Signing: dkim.Signing{AllRules: true}}
	for _, domain := range domains {
		cfg.Signing.Rules = append(cfg.Signing.Rules, dkim.Rule{
			Senders: []string{"*"}, ThirdParty: true, Keys: []dkim.Key{{Domain: domain, Selector: "s", Signer: key()}},
		})
	}
	signer, err := dkim.NewSigner(cfg)
	require.NoError(t, err)
	return edited(t, miltertest.Run(t, signer, msg), msg)
}

// sealed returns a message that a domain has sealed, with what it says about the message.
func sealed(t testing.TB, msg *mta.Message, domain, said string) *mta.Message {
	t.Helper()
	verifier, err := arc.NewVerifier(arc.VerifierConfig{Resolver: resolvertest.New(t, keyZone(t, domain)), AuthservID: domain})
	require.NoError(t, err)
	sealer, err := arc.NewSealer(arc.SealerConfig{Domain: domain, Selector: "s", Signer: key(), AuthservID: domain, Now: longAgo})
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(miltertest.FilterFunc("results", func(r *framework.Router) error {
		add := r.GrantAddHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, add.InsertTop(s, "Authentication-Results", domain+"; "+said)
		})
		return nil
	}))
	r.Mount(verifier)
	r.Mount(sealer)
	return edited(t, miltertest.RunRouter(t, r, msg), msg)
}

// edited returns the message that a filter has left behind.
func edited(t testing.TB, res *miltertest.Result, msg *mta.Message) *mta.Message {
	t.Helper()
	require.NotNil(t, res.Edited, "%s", res.Reply())
	out := *msg
	out.Header = res.Edited.Header
	return &out
}

// longAgo is when messages were signed: before the clocks of package synctest begin.
func longAgo() time.Time { return time.Date(1999, 1, 2, 3, 4, 5, 0, time.UTC) }
