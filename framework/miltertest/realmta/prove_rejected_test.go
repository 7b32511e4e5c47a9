//go:build integration

package realmta_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveRejectedRcpt shows that SMFIP_RCPT_REJ makes the servers send some
// of the recipients that they refused themselves. Sendmail does not send
// recipients that a rule set refused.
func TestProveRejectedRcpt(t *testing.T) {
	t.Parallel()
	refuse := map[string]func(testing.TB) realmta.MTA{
		"postfix": func(t testing.TB) realmta.MTA {
			t.Helper()
			return realmta.StartPostfix(t, realmta.PostfixConfig{Main: map[string]string{
				"smtpd_recipient_restrictions": "check_recipient_access inline:{{nobody@mx.example.test = REJECT 5.1.1 unknown here}}",
			}})
		},
		"sendmail": func(t testing.TB) realmta.MTA {
			t.Helper()
			return realmta.StartSendmail(t, realmta.SendmailConfig{Rules: []string{
				"SLocal_check_rcpt", "R$*nobody@$*\t$#error $@ 5.1.1 $: \"550 unknown here\"",
			}})
		},
	}
	const unknown, program = "<nobody@mx.example.test>", `<"|x"@mx.example.test>`
	tests := []struct {
		mta, recipient string
		macros         string // before its SMFIC_RCPT, empty if there is none
		since8_18      string // the same for Sendmail 8.18, if it differs
	}{
		{"postfix", unknown, `{rcpt_addr}="Recipient address rejected: unknown here" {rcpt_host}="5.1.1" {rcpt_mailer}="error"`, ""},
		{"sendmail", unknown, "", ""},
		{
			"sendmail", program, `{rcpt_mailer}="error" {rcpt_host}="5.7.1" {rcpt_addr}="|x"`,
			`{rcpt_mailer}="error" {rcpt_host}="" {rcpt_addr}="|x"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.mta+" "+tt.recipient, func(t *testing.T) {
			t.Parallel()
			mta := refuse[tt.mta](t)
			if tt.since8_18 != "" && realmta.AtLeast(mta, "8.18") {
				tt.macros = tt.since8_18
				counts.Add(t, 1, "realmta: macros of a refused recipient that differ from bookworm's")
			}
			assert.Empty(t, announced(t, mta, 0, tt.recipient))
			assert.Equal(t, tt.macros, announced(t, mta, wire.ProtoRcptRej, tt.recipient))
		})
	}
}

// announced makes the MTA refuse a recipient, and returns the macros that
// precede its SMFIC_RCPT.
func announced(t *testing.T, mta realmta.MTA, protocol wire.Protocol, recipient string) string {
	t.Helper()
	tr := milter{protocol: protocol}.start(t, mta)
	c := dial(t, mta.Addr())
	_, _ = c.Cmd("MAIL FROM:<a@example.org>")
	code, text := c.Cmd("RCPT TO:" + recipient)
	require.GreaterOrEqual(t, code, 500, text)
	_, _ = c.Cmd("QUIT")
	lines := tr.lines(t)
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "MTA SMFIC_RCPT ") })
	if at < 0 {
		return ""
	}
	return strings.TrimPrefix(lines[at-1], "MTA SMFIC_MACRO for SMFIC_RCPT ")
}
