package dkim_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// both returns a filter that signs or verifies each message.
func both(t testing.TB, cfg dkim.Config) *dkim.Filter {
	t.Helper()
	f, err := dkim.New(cfg)
	require.NoError(t, err)
	return f
}

// counter keeps the events.
type counter struct {
	mu     sync.Mutex
	events []dkim.Event
}

func (c *counter) observe(e dkim.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

func TestSignsOursVerifiesTheRest(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	z := publish(t, k)
	signed := craft(t, crafted{key: k.Signer, tags: tagsEd}, fromAnn, "x\n")
	tests := map[string]struct {
		message *messageOf
		signs   bool
		results string
		events  []dkim.Event
	}{
		"ours": {
			miltertest.Message(fromAnn+"\nx\n", miltertest.Auth("ann")), true, "",
			[]dkim.Event{{Kind: dkim.EventSigned, Class: dkim.ClassAuthor, Domain: "example.org"}},
		},
		"a stranger's, signed": {
			miltertest.Message(signed), false, "dkim=pass",
			[]dkim.Event{{Kind: dkim.EventVerified, Status: dkim.StatusPass, Class: dkim.ClassAuthor, Domain: "example.org"}},
		},
		"a stranger's in our name": {
			miltertest.Message(fromAnn + "\nx\n"), false, "dkim=none",
			[]dkim.Event{{Kind: dkim.EventVerified, Status: dkim.StatusNone, Class: dkim.ClassNone}},
		},
		"passed on by a host of ours": {
			miltertest.Message("From: eve@example.com\n\nx\n", miltertest.Client("127.0.0.1")), false, "dkim=none",
			[]dkim.Event{{Kind: dkim.EventNotSigned}, {Kind: dkim.EventVerified, Status: dkim.StatusNone, Class: dkim.ClassNone}},
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen counter
			f := both(t, dkim.Config{
				Signing:   forExample(k),
				Verifying: dkim.Verifying{Resolver: z, AuthservID: "mx"},
				Observe:   seen.observe,
			})
			res := miltertest.Run(t, f, c.message)
			res.AssertAccepted(t)
			assert.Equal(t, c.signs, strings.Contains(res.Header("DKIM-Signature"), "t="))
			assert.Contains(t, res.Header("Authentication-Results"), c.results)
			assert.Equal(t, c.results == "", res.Header("Authentication-Results") == "")
			assert.Equal(t, c.events, seen.events)
		})
	}
}

// TestAllModesOfMTAs signs and verifies with old and new MTAs. An old MTA
// removes the space after the colon.
func TestAllModesOfMTAs(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	z := publish(t, k)
	cfg := forExample(k)
	cfg.Header, cfg.Body = dkim.Simple, dkim.Simple
	f := both(t, dkim.Config{Signing: cfg, Verifying: dkim.Verifying{Resolver: z, AuthservID: "mx"}})
	old := mta.PostfixOffer(2)
	tests := map[string]mta.Config{"Postfix": {}, "Sendmail": {Flavor: mta.Sendmail}, "version 2": {Offer: old}}
	for name, offer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := delivered(t, miltertest.Run(t, f, fromHere(letter), miltertest.MTA(offer)))
			assert.Equal(t, []string{"example.org"}, secondOpinion(t, z, message))
			res := miltertest.Run(t, f, miltertest.Message(message), miltertest.MTA(offer))
			assert.Contains(t, res.Header("Authentication-Results"), "dkim=pass")
		})
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	strict := dkim.Policy{Unsigned: dkim.Reject, Fail: dkim.Quarantine, TempError: dkim.TempFail}
	policies := map[string]dkim.Policy{
		"bank.example": strict, ".bank.example": {Unsigned: dkim.TempFail}, "*": {Fail: dkim.Reject},
		"shop.example": {Unsigned: dkim.Reject}, "mild.example": {Unsigned: dkim.Reject, Fail: dkim.Accept},
	}
	z := zone{}
	for _, domain := range []string{"bank.example", "other.example"} {
		record, err := dkim.FormatRecord(private(t, "ed25519").Public())
		require.NoError(t, err)
		z["e._domainkey."+domain] = []string{record}
	}
	tags := func(d string) string { return withTags(tagsEd, "d="+d) }
	good := func(from, d string) string {
		return craft(t, crafted{key: private(t, "ed25519"), tags: tags(d)}, "From: "+from+"\n", "x\n")
	}
	bad := func(from, d string) string {
		return craft(t, crafted{key: private(t, "ed25519"), tags: tags(d), body: "y"}, "From: "+from+"\n", "x\n")
	}
	tests := map[string]struct {
		message string
		want    string
	}{
		"signed":                          {good("a@bank.example", "bank.example"), "accepted"},
		"not signed":                      {"From: a@bank.example\n\nx\n", "550 5.7.20"},
		"wrong":                           {bad("a@bank.example", "bank.example"), "held"},
		"signed by another":               {good("a@bank.example", "other.example"), "550 5.7.20"},
		"no answer":                       {good("a@bank.example", "slow.bank.example"), "550 5.7.20"},
		"below, not signed":               {"From: a@x.bank.example\n\nx\n", "451 4.7.20"},
		"below, signed by the one above":  {good("a@x.bank.example", "bank.example"), "accepted"},
		"any other, not signed":           {"From: a@other.example\n\nx\n", "accepted"},
		"any other, wrong":                {bad("a@other.example", "other.example"), "550 5.7.20"},
		"two From fields, the second bad": {"From: a@other.example\nFrom: a@bank.example\n\nx\n", "550 5.7.20"},
		"two authors":                     {"From: a@other.example, b@bank.example\n\nx\n", "550 5.7.20"},
		"no author, whom the MTA adds":    {"Subject: x\n\nx\n", "550 5.7.20"},
		"not signed, but garbage":         {"DKIM-Signature: v=1; d=shop.example\nFrom: a@shop.example\n\nx\n", "550 5.7.20"},
		"wrong, without an action":        {bad("a@shop.example", "shop.example"), "550 5.7.20"},
		"no key, without an action":       {good("a@shop.example", "shop.example"), "550 5.7.20"},
		"wrong, explicitly milder":        {"DKIM-Signature: v=1; d=mild.example\nFrom: a@mild.example\n\nx\n", "accepted"},
		"one of two signatures":           {"DKIM-Signature: x\r\n" + good("a@bank.example", "bank.example"), "accepted"},
	}
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: z, AuthservID: "mx", Policies: policies}})
	require.NoError(t, err)
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, f, miltertest.Message(c.message))
			switch c.want {
			case "accepted":
				res.AssertAccepted(t)
				assert.False(t, res.Quarantined)
			case "held":
				assert.True(t, res.Quarantined)
			default:
				assert.True(t, strings.HasPrefix(res.Reply(), c.want), res.Reply())
			}
		})
	}
}

func TestPolicyWithoutAnswer(t *testing.T) {
	t.Parallel()
	f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{
		Resolver: broken(t), AuthservID: "mx",
		Policies: map[string]dkim.Policy{"example.org": {TempError: dkim.TempFail, Fail: dkim.Reject, Unsigned: dkim.Reject}},
	}})
	require.NoError(t, err)
	message := craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd}, fromAnn, "x\n")
	res := miltertest.Run(t, f, miltertest.Message(message))
	res.AssertTempFailed(t)
	assert.Contains(t, res.Reply(), "cannot be verified now")
}

func TestReload(t *testing.T) {
	t.Parallel()
	ours := dkim.Config{
		Signing:   forExample(key(t, "example.org", "one", "ed25519")),
		Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx"},
	}
	f := both(t, ours)
	conn := miltertest.NewServer(t, f).Dial(t)
	require.Contains(t, conn.Run(t, fromHere(letter)).Header("DKIM-Signature"), "s=one")

	next := ours
	next.Signing = forExample(key(t, "example.org", "two", "ed25519"))
	require.NoError(t, f.Reload(next))
	assert.Contains(t, conn.Run(t, fromHere(letter)).Header("DKIM-Signature"), "s=two", "on the same connection")

	broken := ours
	broken.Signing = forExample(dkim.Key{Domain: "example.org", Selector: "x"})
	require.ErrorContains(t, f.Reload(broken), "no private key")
	macros := ours
	macros.Trust.Macros = map[string][]string{"daemon_name": {"x"}}
	require.ErrorIs(t, f.Reload(macros), dkim.ErrRestart)
	holding := ours
	holding.Verifying.Policies = map[string]dkim.Policy{"*": {Fail: dkim.Quarantine}}
	require.ErrorIs(t, f.Reload(holding), dkim.ErrRestart)
	assert.Contains(t, conn.Run(t, fromHere(letter)).Header("DKIM-Signature"), "s=two", "the old one stays")
}

// TestReloadUnderWay replaces the configuration in the middle of a message.
func TestReloadUnderWay(t *testing.T) {
	t.Parallel()
	f := both(t, dkim.Config{
		Signing: forExample(key(t, "example.org", "one", "ed25519")), Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx"},
	})
	r := framework.NewRouter()
	r.Mount(f)
	r.Mount(miltertest.FilterFunc("reloader", func(r *framework.Router) error {
		r.ObserveEndOfHeaders(func(*framework.Session, *framework.EndOfHeaders) error {
			return f.Reload(dkim.Config{Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx"}})
		})
		return nil
	}))
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	assert.Contains(t, conn.Run(t, fromHere(letter)).Header("DKIM-Signature"), "s=one")
	assert.Empty(t, conn.Run(t, fromHere(letter)).Header("DKIM-Signature"))
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	f := both(t, dkim.Config{Signing: forExample(key(t, "example.org", "e", "ed25519")), Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx"}})
	miltertest.Run(t, f, fromHere(letter), miltertest.Lane(framework.DryRun())).AssertUnmodified(t)
}

func TestMessagesWithLittle(t *testing.T) {
	t.Parallel()
	f := both(t, dkim.Config{Signing: forExample(key(t, "example.org", "e", "ed25519")), Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx"}})
	for name, text := range map[string]string{"nothing": "", "no header": "\nx\n", "no body": fromAnn, "no body but a line": fromAnn + "\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			miltertest.Run(t, f, fromHere(text)).AssertAccepted(t)
			miltertest.Run(t, f, miltertest.Message(text)).AssertAccepted(t)
		})
	}
}

func TestHeaderTooLarge(t *testing.T) {
	t.Parallel()
	f := both(t, dkim.Config{Signing: forExample(key(t, "example.org", "e", "ed25519")), Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx"}})
	conn := miltertest.NewServer(t, f, quiet()).Dial(t)
	text := strings.Repeat("X: "+strings.Repeat("y", 60000)+"\n", 150) + fromAnn + "\nx\n"
	assert.Contains(t, conn.Run(t, fromHere(text)).Reply(), "552 5.3.4")
	assert.NotEmpty(t, conn.Run(t, fromHere(letter)).Header("DKIM-Signature"), "the next message")
}

// TestTwice mounts a verifier before and a signer after another filter.
func TestTwice(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	verifier, err := dkim.NewVerifier(dkim.Config{Name: "verify", Verifying: dkim.Verifying{Resolver: zone{}, AuthservID: "mx"}})
	require.NoError(t, err)
	signer, err := dkim.NewSigner(dkim.Config{Name: "sign", Signing: forExample(k)})
	require.NoError(t, err)
	r := framework.NewRouter()
	r.Mount(verifier)
	r.Mount(miltertest.FilterFunc("tagger", func(r *framework.Router) error {
		change := r.GrantChangeHeader()
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Continue, change.Change(s, framework.NthHeader("Subject", 1), "[tag] hello")
		})
		return nil
	}))
	r.Mount(signer)
	message := delivered(t, miltertest.RunRouter(t, r, fromHere(letter)))
	assert.Equal(t, []string{"example.org"}, secondOpinion(t, publish(t, k), message))
	assert.Contains(t, message, "Authentication-Results: mx;\r\n\tdkim=none\r\n")
	assert.Contains(t, message, "[tag] hello")
}
