//go:build integration

package dkim_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest"
)

// TestDkimpyVerifiesBehindStalwart signs behind Stalwart, in all canonicalizations, and lets
// dkimpy verify what Stalwart delivers. Stalwart sends the header in front of the body too,
// trims the values of fields, and goes on after an accept.
func TestDkimpyVerifiesBehindStalwart(t *testing.T) {
	t.Parallel()
	p := newPeerKeys(t)
	sent := 0
	for i, s := range asMTAsSend(samples(messages)) {
		if text := s.text(); !utf8.ValidString(text[:strings.Index(text, "\r\n\r\n")]) {
			continue // Stalwart shows no value of such a field: see docs/mtas.md
		}
		cfg := forExample(p.keys...)
		cfg.Header, cfg.Body = pairs[i%4].header, pairs[i%4].body
		msg := fromHere("x: y\n\n")
		msg.Header, msg.Body = s.header, []byte(s.body)
		res := miltertest.Run(t, signer(t, cfg), msg, miltertest.As(miltertest.Stalwart()), quiet())
		p.write(t, fmt.Sprintf("verify/%03d.eml", sent), delivered(t, res))
		sent++
	}
	lines := strings.Split(strings.TrimSpace(p.python(t, "verify")), "\n")
	require.Len(t, lines, sent)
	assert.Greater(t, sent, messages/2)
	for i, line := range lines {
		assert.Equal(t, fmt.Sprintf("%03d.eml pass pass", i), line)
	}
}
