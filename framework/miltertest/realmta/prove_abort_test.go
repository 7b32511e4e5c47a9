//go:build integration

package realmta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveAborts shows when SMFIC_ABORT arrives. The expectations contain one
// letter for each command; A is the abort.
func TestProveAborts(t *testing.T) {
	t.Parallel()
	const mail, rcpt, data = "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.test>", "DATA"
	const ehlo = "EHLO again.example.test"
	say := func(at wire.CommandCode, code wire.ReplyCode) func(wire.Command, func(...wire.Reply)) bool {
		return func(c wire.Command, say func(...wire.Reply)) bool {
			if c.CommandCode() != at {
				return false
			}
			say(bare(code))
			return true
		}
	}
	tests := []struct {
		name     string
		lines    []string
		answer   func(wire.Command, func(...wire.Reply)) bool
		postfix  string
		sendmail string
	}{
		{"no message", []string{"QUIT"}, nil, "OCHAQ", "OCHQ"},
		{"no message, broken off", nil, nil, "OCHAQ", "OCHQ"},
		{"one message", []string{mail, rcpt, data, "QUIT"}, nil, "OCHMRTLLNBEAAQ", "OCHMRTLLNBEQ"},
		{"two messages", []string{mail, rcpt, data, mail, rcpt, data, "QUIT"}, nil, "OCHMRTLLNBEAMRTLLNBEAAQ", "OCHMRTLLNBEMRTLLNBEQ"},
		{"one message, broken off", []string{mail, rcpt, data}, nil, "OCHMRTLLNBEAAQ", "OCHMRTLLNBEQ"},
		{"one message, RSET", []string{mail, rcpt, data, "RSET", "QUIT"}, nil, "OCHMRTLLNBEAAQ", "OCHMRTLLNBEQ"},
		{"RSET at once", []string{"RSET", "QUIT"}, nil, "OCHAQ", "OCHQ"},
		{"RSET after MAIL", []string{mail, "RSET", "QUIT"}, nil, "OCHMAAQ", "OCHMAQ"},
		{"RSET after RCPT, then a message", []string{mail, rcpt, "RSET", mail, rcpt, data, "QUIT"}, nil, "OCHMRAMRTLLNBEAAQ", "OCHMRAMRTLLNBEQ"},
		{"QUIT after RCPT", []string{mail, rcpt, "QUIT"}, nil, "OCHMRAAQ", "OCHMRQ"},
		{"broken off after RCPT", []string{mail, rcpt}, nil, "OCHMRAAQ", "OCHMRQ"},
		{"EHLO twice", []string{ehlo, "QUIT"}, nil, "OCHHAAQ", "OCHHQ"},
		{"EHLO after RCPT", []string{mail, rcpt, ehlo, mail, rcpt, data, "QUIT"}, nil, "OCHMRHAAMRTLLNBEAAQ", "OCHMRAHMRTLLNBEQ"},
		{"MAIL twice", []string{mail, mail, "QUIT"}, nil, "OCHMAAQ", "OCHMQ"},
		{"unknown command in a message", []string{mail, "FOO bar", rcpt, data, "QUIT"}, nil, "OCHMURTLLNBEAAQ", "OCHMURTLLNBEQ"},
		{"accepted at CONNECT", []string{mail, rcpt, data, "QUIT"}, say(wire.CmdConnect, wire.RepAccept), "OC", "OCQ"},
		{"accepted at HELO", []string{mail, rcpt, data, "QUIT"}, say(wire.CmdHelo, wire.RepAccept), "OCH", "OCHQ"},
		{"accepted at MAIL, two messages", []string{mail, rcpt, data, mail, rcpt, data, "QUIT"}, say(wire.CmdMail, wire.RepAccept), "OCHMAMAAQ", "OCHMMQ"},
		{"accepted at RCPT, two messages", []string{mail, rcpt, data, mail, rcpt, data, "QUIT"}, say(wire.CmdRcpt, wire.RepAccept), "OCHMRAMRAAQ", "OCHMRMRQ"},
		{"accepted at RCPT, two recipients", []string{mail, rcpt, rcpt, data, "QUIT"}, say(wire.CmdRcpt, wire.RepAccept), "OCHMRAAQ", "OCHMRQ"},
		{"accepted at HEADER, two messages", []string{mail, rcpt, data, mail, rcpt, data, "QUIT"}, say(wire.CmdHeader, wire.RepAccept), "OCHMRTLAMRTLAAQ", "OCHMRTLMRTLQ"},
		{"accepted at EOM, two messages", []string{mail, rcpt, data, mail, rcpt, data, "QUIT"}, say(wire.CmdBodyEOB, wire.RepAccept), "OCHMRTLLNBEAMRTLLNBEAAQ", "OCHMRTLLNBEMRTLLNBEQ"},
		{"refused at CONNECT", []string{mail, "QUIT"}, say(wire.CmdConnect, wire.RepReject), "OC", "OCQ"},
		{"refused at HELO", []string{mail, "QUIT"}, say(wire.CmdHelo, wire.RepReject), "OCH", "OCHQ"},
		{"refused at MAIL, twice", []string{mail, mail, "QUIT"}, say(wire.CmdMail, wire.RepReject), "OCHMAMAAQ", "OCHMMQ"},
		{"refused at RCPT, twice", []string{mail, rcpt, rcpt, "RSET", "QUIT"}, say(wire.CmdRcpt, wire.RepReject), "OCHMRRAAQ", "OCHMRRAQ"},
		{"refused at DATA", []string{mail, rcpt, data, mail, "QUIT"}, say(wire.CmdData, wire.RepReject), "OCHMRTAAQ", "OCHMRTQ"},
		{"refused at DATA, twice", []string{mail, rcpt, data, data, "QUIT"}, say(wire.CmdData, wire.RepReject), "OCHMRTTAAQ", "OCHMRTTQ"},
		{"refused at HEADER", []string{mail, rcpt, data, mail, "QUIT"}, say(wire.CmdHeader, wire.RepReject), "OCHMRTLAMAAQ", "OCHMRTLMQ"},
		{"refused at BODY", []string{mail, rcpt, data, mail, "QUIT"}, say(wire.CmdBody, wire.RepReject), "OCHMRTLLNBAMAAQ", "OCHMRTLLNBMQ"},
		{"refused at EOM", []string{mail, rcpt, data, mail, "QUIT"}, say(wire.CmdBodyEOB, wire.RepReject), "OCHMRTLLNBEAMAAQ", "OCHMRTLLNBEMQ"},
		{"discarded at MAIL", []string{mail, rcpt, data, mail, "QUIT"}, say(wire.CmdMail, wire.RepDiscard), "OCHMAMAAQ", "OCHMMQ"},
		{"discarded at HEADER", []string{mail, rcpt, data, mail, "QUIT"}, say(wire.CmdHeader, wire.RepDiscard), "OCHMRTLAMAAQ", "OCHMRTLMQ"},
		{"discarded at EOM", []string{mail, rcpt, data, mail, "QUIT"}, say(wire.CmdBodyEOB, wire.RepDiscard), "OCHMRTLLNBEAMAAQ", "OCHMRTLLNBEMQ"},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				tr := milter{answer: tt.answer}.start(t, mta)
				converse(t, mta, tt.lines)
				want := tt.postfix
				if name == "sendmail" {
					want = tt.sendmail
				}
				assert.Equal(t, want, tr.commands(t), tt.name)
			}
		})
	}
}

// converse sends commands over one connection, and a message after DATA, and
// then closes the connection.
func converse(t *testing.T, mta realmta.MTA, lines []string) {
	t.Helper()
	c := realmta.DialSMTP(t, mta.Addr())
	if code, _ := c.Cmd("EHLO client.example.test"); code == 0 {
		return
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "DATA") {
			_, _ = c.Data([]byte(simple))
			continue
		}
		_, _ = c.Cmd(line)
	}
	c.Close()
}
