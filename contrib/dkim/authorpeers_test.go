//go:build integration

package dkim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestOpenDKIMSignsTheSame compares what OpenDKIM and this package sign of the From
// fields of signedFrom, with the same rule for the same key.
func TestOpenDKIMSignsTheSame(t *testing.T) {
	t.Parallel()
	p := newPeerKeys(t)
	peer := p.openDKIM(t, "sign", "Mode s",
		"KeyTable file:"+p.write(t, "keytable", "key example.org:r:"+p.files[0]+"\n"),
		"SigningTable refile:"+p.write(t, "signingtable", "*@example.org key\n"))
	f := signer(t, dkim.Signing{Rules: []dkim.Rule{{Senders: []string{"*@example.org"}, Keys: p.keys[:1]}}})
	for name, c := range signedFrom {
		out, err := peer.Send(t.Context(), &mta.Message{
			Client: mta.Client{Host: "localhost", Addr: "127.0.0.1"}, Recipients: []mta.Recipient{{Addr: "<bob@example.net>"}},
			Header: []mta.Field{{Name: "From", Value: " " + c.from}, {Name: "Date", Value: " Wed, 4 Mar 2026 05:06:07 +0000"}}, Body: []byte("x\r\n"),
		})
		require.NoError(t, err)
		theirs := out.Edited != nil && slices.ContainsFunc(out.Edited.Header, func(f mta.Field) bool { return f.Name == "DKIM-Signature" })
		ours := miltertest.Run(t, f, fromHere("From: "+c.from+"\n\nx\n")).Header("DKIM-Signature") != ""
		assert.Equal(t, c.signed, ours, "%s: %s", name, c.from)
		assert.Equal(t, c.opendkim, theirs, "%s: OpenDKIM: %s", name, c.from)
	}
}

// TestOddFromThroughMailServers delivers mail with the From fields of signedFrom through
// real servers. The same fields are signed as without a server. Sendmail puts quotes around
// display names that need them, behind the filter, so that signatures do not verify.
func TestOddFromThroughMailServers(t *testing.T) {
	t.Parallel()
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBehind(t, start(t))
			k := key(t, "example.org", "r", "rsa")
			b.use(t, signer(t, forExample(k)))
			for what, c := range signedFrom {
				arrived := b.send(t, "From: "+c.from+"\nDate: Wed, 4 Mar 2026 05:06:07 +0000\n\nx\n")
				assert.Equal(t, c.signed, strings.Contains(arrived, "DKIM-Signature:"), what)
				if c.signed && name != "sendmail" {
					assert.Equal(t, []string{"pass example.org"}, verify(t, dkim.Verifying{Resolver: publish(t, k)}, arrived), what)
				}
			}
		})
	}
}
