package dkim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// TestOptional signs and verifies behind MTAs that do not let filters edit the header.
func TestOptional(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	config := func(signing, verifying bool) dkim.Config {
		cfg := dkim.Config{Signing: forExample(k), Verifying: dkim.Verifying{
			AuthservID: "mx.example.org", Resolver: publish(t, k), Optional: verifying,
			Policies: map[string]dkim.Policy{"unsigned.example": {Unsigned: dkim.Reject}},
		}}
		cfg.Signing.Optional = signing
		return cfg
	}
	const (
		ours   = "From: a@example.org\nSubject: hello\n\nbody\n"
		theirs = "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=forged.example\nFrom: a@example.net\n\nbody\n"
		policy = "From: a@unsigned.example\n\nbody\n"
	)
	tests := map[string]struct {
		cfg                   dkim.Config
		lacks                 wire.Actions
		signed, refused, done bool
		lines                 int
	}{
		"all is granted":                     {config(true, true), 0, true, false, true, 0},
		"no changes":                         {config(false, true), wire.ActionChgHdrs, true, false, false, 1},
		"no changes, the field is required":  {config(true, false), wire.ActionChgHdrs, false, true, false, 0},
		"no additions":                       {config(true, true), wire.ActionAddHdrs, false, false, false, 2},
		"no additions, signing is required":  {config(false, true), wire.ActionAddHdrs, false, true, false, 0},
		"neither":                            {config(true, true), wire.ActionAddHdrs | wire.ActionChgHdrs, false, false, false, 2},
		"neither, the signature is required": {config(false, true), wire.ActionAddHdrs | wire.ActionChgHdrs, false, true, false, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := dkim.New(tt.cfg)
			require.NoError(t, err)
			srv := miltertest.NewServer(t, f, miltertest.As(miltertest.Postfix().WithoutActions(tt.lacks)))
			conn := srv.Dial(t)
			res := conn.Run(t, miltertest.Message(ours, miltertest.Auth("a")))
			if tt.refused {
				res.AssertTempFailed(t)
				return
			}
			assert.Equal(t, tt.signed, res.Header("DKIM-Signature") != "")
			for range 2 {
				res = conn.Run(t, miltertest.Message(theirs))
				assert.Len(t, res.HeaderValues("Authentication-Results"), 1)
				assert.Equal(t, tt.done, res.HeaderValues("Authentication-Results")[0] != "mx.example.org; spf=pass smtp.mailfrom=forged.example")
			}
			conn.Run(t, miltertest.Message(policy)).AssertRejected(t)
			srv.Close(t)
			lines := 0
			for _, record := range srv.Logs() {
				if record.Message == "not signed: the MTA does not allow adding fields" ||
					record.Message == "results not written, forged ones not removed: the MTA does not allow changing fields" {
					lines++
				}
			}
			assert.Equal(t, tt.lines, lines)
		})
	}
}

func TestReloadOptional(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	cfg := dkim.Config{Signing: forExample(k), Verifying: dkim.Verifying{Resolver: publish(t, k)}}
	f, err := dkim.New(cfg)
	require.NoError(t, err)
	signing, verifying := cfg, cfg
	signing.Signing.Optional, verifying.Verifying.Optional = true, true
	require.ErrorIs(t, f.Reload(signing), dkim.ErrRestart)
	require.ErrorIs(t, f.Reload(verifying), dkim.ErrRestart)
	require.NoError(t, f.Reload(cfg))
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	cfg := dkim.Config{Signing: forExample(k), Verifying: dkim.Verifying{Resolver: publish(t, k)}}
	const both = wire.ActionAddHdrs | wire.ActionChgHdrs
	for name, tt := range map[string]struct {
		make func(dkim.Config) (*dkim.Filter, error)
		set  func(*dkim.Config)
		want []dkim.Permission
	}{
		"both": {dkim.New, func(*dkim.Config) {}, []dkim.Permission{
			{Part: dkim.PartSigning, Actions: wire.ActionAddHdrs}, {Part: dkim.PartResults, Actions: both},
		}},
		"wishes": {dkim.New, func(c *dkim.Config) { c.Signing.Optional, c.Verifying.Optional = true, true }, []dkim.Permission{
			{Part: dkim.PartSigning, Actions: wire.ActionAddHdrs, Optional: true}, {Part: dkim.PartResults, Actions: both, Optional: true},
		}},
		"no field": {dkim.NewVerifier, func(c *dkim.Config) { c.Verifying.NoField = true }, nil},
		"quarantine": {dkim.NewVerifier, func(c *dkim.Config) {
			c.Verifying.Policies = map[string]dkim.Policy{"*": {Unsigned: dkim.Quarantine}}
		}, []dkim.Permission{{Part: dkim.PartResults, Actions: both}, {Part: dkim.PartHolding, Actions: wire.ActionQuarantine}}},
	} {
		c := cfg
		tt.set(&c)
		f, err := tt.make(c)
		require.NoError(t, err, name)
		assert.Equal(t, tt.want, f.Permissions(), name)
	}
}
