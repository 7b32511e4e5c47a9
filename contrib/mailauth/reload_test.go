package mailauth_test

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/mailauth"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// Reload changes all filters for the next message, or none of them.
func TestReload(t *testing.T) {
	t.Parallel()
	dns := resolvertest.New(t, world)
	cfg := func(change func(*mailauth.Config)) mailauth.Config {
		c := mailauth.Config{Resolver: dns, AuthservID: id, Sealer: &arc.SealerConfig{Domain: id, Selector: "s", Signer: key()}}
		if change != nil {
			change(&c)
		}
		return c
	}
	a, err := mailauth.New(cfg(nil))
	require.NoError(t, err)
	r := framework.NewRouter()
	a.Mount(r)
	a.MountSealer(r)
	conn := miltertest.NewRouterServer(t, r).Dial(t)
	conn.Run(t, letter("bad.example")).AssertAccepted(t)

	rejecting := cfg(func(c *mailauth.Config) { c.DMARC.Actions.Reject = dmarc.Reject })
	require.NoError(t, a.Reload(rejecting))
	conn.Run(t, letter("bad.example")).AssertRejected(t)

	for name, c := range map[string]struct {
		change  func(*mailauth.Config)
		restart bool
		want    string
	}{
		"a method":          {func(c *mailauth.Config) { c.NoDKIM = true }, true, "turning a method on or off requires a restart"},
		"no sealer":         {func(c *mailauth.Config) { c.Sealer = nil }, true, "turning a method on or off requires a restart"},
		"the first relay":   {func(c *mailauth.Config) { c.Relays = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, true, "SPF: "},
		"holding, and more": {func(c *mailauth.Config) { c.SPF.MailFrom.Fail = spf.Reject; c.DMARC.Actions.Reject = dmarc.Hold }, true, "DMARC: "},
		"adding a field":    {func(c *mailauth.Config) { c.DMARC.Actions.None = dmarc.AddField }, true, "DMARC: "},
		"Received-SPF":      {func(c *mailauth.Config) { c.SPF.ReceivedSPF = true }, true, "SPF: "},
		"quarantine by DKIM": {func(c *mailauth.Config) {
			c.DKIM.Verifying.Policies = map[string]dkim.Policy{"*": {Unsigned: dkim.Quarantine}}
		}, true, "DKIM: "},
		"a mistake": {func(c *mailauth.Config) { c.Timeout = -time.Second }, false, "the timeout is negative"},
		"no key":    {func(c *mailauth.Config) { c.Sealer = &arc.SealerConfig{} }, false, "Sealer: "},
	} {
		err := a.Reload(cfg(c.change))
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, "mailauth: configuration: ", name)
		assert.Equal(t, c.restart, errors.Is(err, mailauth.ErrRestart), name)
	}
	res := conn.Run(t, letter("bad.example"))
	assert.Contains(t, res.Reply(), "550-5.7.1 DMARC", "nothing of a configuration that was refused applies")
	require.NoError(t, a.Reload(cfg(func(c *mailauth.Config) { c.AuthservID = "other.example"; c.Sealer.AuthservID = "other.example" })))
	assert.Contains(t, conn.Run(t, letter("good.example")).Header("Authentication-Results"), "other.example;")
}

// A message that has begun keeps the name and the other settings of the field.
func TestReloadDuringMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := mailauth.Config{Resolver: resolvertest.New(t, world), AuthservID: id}
		a, err := mailauth.New(cfg)
		require.NoError(t, err)
		r := framework.NewRouter()
		a.Mount(r)
		end := sendHeader(t, r, letter("good.example"))
		synctest.Wait() // until the filters have read the header
		cfg.AuthservID = "other.example"
		require.NoError(t, a.Reload(cfg))
		assert.Contains(t, end(), id+";")
		assert.Contains(t, miltertest.RunRouter(t, r, letter("good.example")).Header("Authentication-Results"), "other.example;")
	})
}
