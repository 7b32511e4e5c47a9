package dkim_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// Stalwart leaves a line of the header that is no field out of what it delivers, once the
// signature is there. A signature of a body with that line would not verify, so there is none.
func TestNotSignedIfBodyIsInDoubt(t *testing.T) {
	t.Parallel()
	cfg := forExample(key(t, "example.org", "e", "ed25519"))
	stalwart := miltertest.Stalwart()
	stalwart.MTA.Quirks = stalwart.MTA.Quirks.Without(mta.HeaderInBody) // the test repeats the header itself
	for name, c := range map[string]struct {
		as     miltertest.Personality
		body   string
		signed bool
	}{
		"a line that is no field": {stalwart, "From: ann@example.org\r\nline\r\n\r\nx\r\n", false},
		"a repeated header":       {stalwart, "From: ann@example.org\r\n\r\nx\r\n", true},
		"the body alone":          {stalwart, "line\r\n\r\nx\r\n", true},
		"behind Postfix":          {miltertest.Postfix(), "From: ann@example.org\r\nline\r\n\r\nx\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := miltertest.NewServer(t, signer(t, cfg), miltertest.As(c.as))
			msg := fromHere("From: ann@example.org\n\n")
			msg.Body = []byte(c.body)
			res := srv.Dial(t).Run(t, msg)
			res.AssertAccepted(t)
			assert.Equal(t, c.signed, len(res.HeaderValues("DKIM-Signature")) == 1)
			var reasons []string
			for _, l := range srv.Logs() {
				if l.Level == slog.LevelWarn && l.Message == "ours, but not signed" {
					l.Attrs(func(a slog.Attr) bool {
						if a.Key == "reason" {
							reasons = append(reasons, a.Value.String())
						}
						return true
					})
				}
			}
			if c.signed {
				assert.Empty(t, reasons)
				return
			}
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0], "the header has a line that is no field")
		})
	}
}
