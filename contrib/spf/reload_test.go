package spf_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// Reload changes what happens to the next message, and refuses what needs another negotiation or
// is wrong.
func TestReload(t *testing.T) {
	t.Parallel()
	cfg := spf.Config{Resolver: resolvertest.New(t, world), AuthservID: "mx.example.net", MailFrom: spf.Policy{Fail: spf.Reject}}
	f := filter(t, cfg)
	conn := miltertest.NewServer(t, f).Dial(t)
	conn.Run(t, letter("ann@bare.example")).AssertRejected(t)
	cfg.MailFrom.Fail = spf.TempFail
	require.NoError(t, f.Reload(cfg))
	conn.Run(t, letter("ann@bare.example")).AssertTempFailed(t)

	wrong := cfg
	wrong.MailFrom.Fail, wrong.Relays = spf.Accept, prefixes("203.0.113.0/24")
	err := f.Reload(wrong)
	require.ErrorIs(t, err, spf.ErrRestart)
	require.ErrorContains(t, err, "spf: configuration: adding the first relay requires a restart")
	wrong.Resolver = nil
	require.ErrorContains(t, f.Reload(wrong), "no resolver")
	conn.Run(t, letter("ann@bare.example")).AssertTempFailed(t)

	relayed := filter(t, spf.Config{Relays: prefixes("10.0.0.0/8")})
	wrong.Resolver = cfg.Resolver
	require.NoError(t, relayed.Reload(wrong))
	msg := miltertest.Message("Received: from x (x [192.0.2.1]) by relay with ESMTP\n\nx\n", miltertest.From("ann@good.example"), miltertest.Client("203.0.113.9"))
	assert.Contains(t, miltertest.Run(t, relayed, msg).Header("Authentication-Results"), "spf=pass smtp.mailfrom=ann@good.example")
}

// With HeloIfNeeded, HELO is looked up only if its result can matter.
func TestHeloIfNeeded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from    string
		helo    spf.Policy
		want    string
		lookups uint64
	}{
		"pass":                        {"ann@good.example", spf.Policy{}, "\tspf=pass smtp.mailfrom=ann@good.example", 1},
		"fail":                        {"ann@bare.example", spf.Policy{}, "\tspf=fail smtp.mailfrom=ann@bare.example" + heloPass, 3},
		"a bounce":                    {"", spf.Policy{}, "\tspf=pass smtp.mailfrom=postmaster@client.example.org\n\t smtp.helo=client.example.org", 2},
		"pass, and a policy for HELO": {"ann@good.example", spf.Policy{Fail: spf.Reject}, "\tspf=pass smtp.mailfrom=ann@good.example" + heloPass, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c1 counter
			dns := resolvertest.New(t, world)
			f := filter(t, spf.Config{Resolver: dns, HeloIfNeeded: true, Helo: c.helo, Observe: c1.observe})
			res := miltertest.Run(t, f, letter(c.from))
			assert.Equal(t, "mx.example.net;\n"+c.want, res.Header("Authentication-Results"))
			assert.Equal(t, c.lookups, dns.Stats().Misses)
		})
	}
}

// Other filters learn which client a relay names, whether the mail is of this host's own users, and
// whether HELO was checked.
func TestWhoTheClientIs(t *testing.T) {
	t.Parallel()
	received := func(from string) *mta.Message {
		return miltertest.Message("Received: from "+from+" by relay with ESMTP\n\nx\n", miltertest.From("ann@good.example"), miltertest.Client("203.0.113.9"))
	}
	for name, c := range map[string]struct {
		message *mta.Message
		client  string
		own     bool
		helo    bool
	}{
		"direct":         {letter("ann@good.example"), "192.0.2.1", false, true},
		"a bounce":       {letter(""), "192.0.2.1", false, false},
		"mapped":         {letter("ann@good.example", miltertest.Client("::ffff:192.0.2.1")), "192.0.2.1", false, true},
		"logged in":      {letter("ann@good.example", miltertest.Auth("ann")), "192.0.2.1", true, false},
		"this host":      {letter("ann@good.example", miltertest.Client("127.0.0.1")), "127.0.0.1", true, false},
		"behind a relay": {received("x (x [198.51.100.7])"), "198.51.100.7", false, true},
		"behind nothing": {received("(("), "invalid IP", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got spf.Results
			r := framework.NewRouter()
			r.Mount(filter(t, spf.Config{Relays: prefixes("203.0.113.0/24")}))
			r.Mount(miltertest.FilterFunc("reader", func(r *framework.Router) error {
				r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
					got, _ = spf.ResultsOf(s)
					return framework.Continue, nil
				})
				return nil
			}))
			miltertest.RunRouter(t, r, c.message).AssertAccepted(t)
			assert.Equal(t, c.client, got.Client.String())
			assert.Equal(t, c.own, got.Own)
			assert.Equal(t, c.helo, got.HeloChecked())
			assert.Len(t, got.AuthRes(), map[bool]int{true: 2, false: 1}[c.helo])
		})
	}
}

// LogLevel is the level of all lines about a message.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	f := filter(t, spf.Config{LogLevel: slog.LevelDebug, MailFrom: spf.Policy{Fail: spf.Reject}})
	msg := letter("ann@bare.example")
	msg.Header = append(msg.Header, mta.Field{Name: "Authentication-Results", Value: " mx.example.net; spf=pass"})
	res := miltertest.Run(t, f, msg)
	for _, text := range []string{"checked", "policy applied", "forged results removed"} {
		record, ok := res.Logs.Find(text)
		require.True(t, ok, text)
		assert.Equal(t, slog.LevelDebug, record.Level, text)
	}
}
