package dkim_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// An MTA that does not offer SMFIP_HDR_LEADSPC hides white space after the colon, so the
// filter cannot sign the header with simple. It signs with relaxed, and says so.
func TestSimpleHeaderNeedsRawFields(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	z := publish(t, k)
	const text = "From:ann@example.org\nSubject:  two  spaces\n\nx\n"
	for _, tt := range []struct {
		mta  miltertest.Personality
		want string
	}{
		{miltertest.Postfix(), "c=simple/simple"},
		{miltertest.Sendmail(), "c=simple/simple"},
		{miltertest.Postfix().Version(2), "c=relaxed/simple"},
		{miltertest.Postfix().Without(wire.ProtoHdrLeadSpc), "c=relaxed/simple"},
		{miltertest.Stalwart(), "c=relaxed/simple"},
	} {
		cfg := forExample(k)
		cfg.Header, cfg.Body = dkim.Simple, dkim.Simple
		srv := miltertest.NewServer(t, signer(t, cfg), miltertest.As(tt.mta))
		msg := fromHere(text)
		res := srv.Dial(t).Run(t, msg)
		value := strings.Join(res.HeaderValues("DKIM-Signature"), "")
		assert.Contains(t, value, tt.want, tt.mta.Name)
		// Above the message as the client sent it, so that nothing hides the white space.
		require.Len(t, secondOpinion(t, z, "DKIM-Signature: "+crlf(strings.TrimPrefix(value, " "))+"\r\n"+crlf(text)), 1, tt.mta.Name)
		var said int
		for _, r := range srv.Logs() {
			if r.Level == slog.LevelWarn && r.Message == "header signed with relaxed, not with simple" {
				said++
			}
		}
		assert.Equal(t, strings.HasPrefix(tt.want, "c=relaxed"), said == 1, tt.mta.Name)
	}
}

// A signature of others with simple for the header, whose white space the MTA hides, is not
// called invalid.
func TestSimpleHeaderOfOthers(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	cfg := forExample(k)
	cfg.Header = dkim.Simple
	text := crlf("From:ann@example.org\nSubject:  two  spaces\n\nx\n")
	fields, err := dkim.Sign(cfg, strings.NewReader(text))
	require.NoError(t, err)
	intact := strings.Join(fields, "") + text
	forged := strings.Replace(intact, "two", "three", 1)
	for _, tt := range []struct {
		mta            miltertest.Personality
		intact, forged string
	}{
		{miltertest.Postfix(), "dkim=pass", "dkim=fail"},
		{miltertest.Stalwart(), "dkim=neutral", "dkim=neutral"},
		{miltertest.Postfix().Version(2), "dkim=neutral", "dkim=neutral"},
	} {
		f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: publish(t, k), AuthservID: "mx.example.net"}})
		require.NoError(t, err)
		for message, want := range map[string]string{intact: tt.intact, forged: tt.forged} {
			res := miltertest.Run(t, f, miltertest.Message(message), miltertest.As(tt.mta))
			assert.Contains(t, res.Header("Authentication-Results"), want, tt.mta.Name)
		}
	}
}

// A policy treats a signature that cannot be judged as one that is not valid. Otherwise a forger
// would evade it with simple for the header.
func TestPolicyOnSimpleHeader(t *testing.T) {
	t.Parallel()
	k := key(t, "example.org", "e", "ed25519")
	cfg := forExample(k)
	cfg.Header = dkim.Simple
	text := crlf("From: ann@example.org\nSubject: two\n\nx\n")
	fields, err := dkim.Sign(cfg, strings.NewReader(text))
	require.NoError(t, err)
	forged := strings.Replace(strings.Join(fields, "")+text, "two", "three", 1)
	for _, mta := range []miltertest.Personality{miltertest.Postfix(), miltertest.Stalwart(), miltertest.Postfix().Version(2)} {
		f, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{
			Resolver: publish(t, k), AuthservID: "mx.example.net",
			Policies: map[string]dkim.Policy{"example.org": {Fail: dkim.Reject}},
		}})
		require.NoError(t, err)
		res := miltertest.Run(t, f, miltertest.Message(forged), miltertest.As(mta))
		assert.Contains(t, res.Reply(), "550 5.7", mta.Name)
	}
}
