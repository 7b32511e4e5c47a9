//go:build integration

package realmta_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveUnknown shows which commands the servers report as unknown, and what
// the client gets if the filter answers SMFIR_CONTINUE, SMFIR_REJECT,
// SMFIR_TEMPFAIL, and 550.
func TestProveUnknown(t *testing.T) {
	t.Parallel()
	const (
		postfixUsual = "500 5.5.2 Error: command not recognized; "
		postfixLater = "451 4.7.1 Service unavailable - try again later; "
		refusals     = postfixUsual + "550 5.7.1 Command rejected; " + postfixLater + "550 5.7.1 no"
		noRefusals   = postfixUsual + postfixUsual + postfixLater + "500 5.5.2 Error: command not recognized"
		help         = "214 2.0.0 Commands: AUTH BDAT DATA EHLO ETRN HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY XCLIENT XFORWARD"
	)
	tests := []struct {
		command           string
		postfix, sendmail byVersion
	}{
		{
			"FOO bar",
			byVersion{"": `SMFIC_UNKNOWN "FOO"; ` + refusals, "3.10": `SMFIC_UNKNOWN "FOO bar"; ` + noRefusals},
			always(`SMFIC_UNKNOWN "FOO bar"; 500 5.5.1 Command unrecognized: "FOO bar"; 550 5.7.1 Command rejected; ` +
				"451 4.3.2 Please try again later; 550 5.7.1 no"),
		},
		{
			"HELP me",
			byVersion{"": `SMFIC_UNKNOWN "HELP"; ` + refusals, "3.10": "not shown; " + fourTimes(help)},
			always("not shown; " + fourTimes("502 5.3.0 Sendmail VERSION -- HELP not implemented")),
		},
		{
			"STARTTLS",
			always("not shown; " + fourTimes("502 5.5.1 Error: command not implemented")),
			always("not shown; " + fourTimes("454 4.3.3 TLS not available after start")),
		},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				want := map[string]byVersion{"postfix": tt.postfix, "sendmail": tt.sendmail}[name].of(t, mta)
				got := strings.ReplaceAll(unknown(t, mta, tt.command), mta.Version(), "VERSION")
				assert.Equal(t, want, got, tt.command)
			}
		})
	}
}

func fourTimes(reply string) string { return strings.Join(slices.Repeat([]string{reply}, 4), "; ") }

// unknown sends a command, and describes what the filter is shown and what the
// client gets for each answer.
func unknown(t *testing.T, mta realmta.MTA, command string) string {
	t.Helper()
	parts := []string{"not shown"}
	for _, answer := range []wire.Reply{
		bare(wire.RepContinue), bare(wire.RepReject), bare(wire.RepTempFail), &wire.SMTPReply{Text: "550 5.7.1 no"},
	} {
		tr := milter{answer: func(c wire.Command, say func(...wire.Reply)) bool {
			if c.CommandCode() == wire.CmdUnknown {
				say(answer)
			}
			return c.CommandCode() == wire.CmdUnknown
		}}.start(t, mta)
		c := dial(t, mta.Addr())
		code, text := c.Cmd(command)
		parts = append(parts, fmt.Sprintf("%d %s", code, text))
		_, _ = c.Cmd("QUIT")
		for _, line := range tr.lines(t) {
			if strings.HasPrefix(line, "MTA SMFIC_UNKNOWN ") {
				parts[0] = strings.TrimPrefix(line, "MTA ")
			}
		}
	}
	return strings.Join(parts, "; ")
}
