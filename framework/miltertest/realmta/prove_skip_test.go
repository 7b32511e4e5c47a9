//go:build integration

package realmta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveSkip replies to every command of one kind with SMFIR_SKIP, and shows
// which commands follow. The client sends two messages, each with two
// recipients, over one connection. The expectations contain one letter for each
// command.
func TestProveSkip(t *testing.T) {
	t.Parallel()
	tests := []struct {
		at       wire.CommandCode
		postfix  string
		sendmail string
	}{
		{0, "OCHMRRTLLNBBBBEAMRRTLLNBBBBEAAQ", "OCHMRRTLLNBBBBEMRRTLLNBBBBEQ"},
		{wire.CmdConnect, "OCHMRRTLLNBBBBEAMRRTLLNBBBBEAAQ", "OCQ"},
		{wire.CmdHelo, "OCHMRRTLLNBBBBEAMRRTLLNBBBBEAAQ", "OCHQ"},
		{wire.CmdMail, "OCHMRRTLLNBBBBEAMRRTLLNBBBBEAAQ", "OCHMQ"},
		{wire.CmdRcpt, "OCHMRTLLNBBBBEAMRTLLNBBBBEAAQ", "OCHMRQ"},
		{wire.CmdData, "OCHMRRTLLNBBBBEAMRRTLLNBBBBEAAQ", "OCHMRRTQ"},
		{wire.CmdHeader, "OCHMRRTLNBBBBEAMRRTLNBBBBEAAQ", "OCHMRRTLLNEMRRTLLNEQ"},
		{wire.CmdEOH, "OCHMRRTLLNBBBBEAMRRTLLNBBBBEAAQ", "OCHMRRTLLNEMRRTLLNEQ"},
		{wire.CmdBody, "OCHMRRTLLNBEAMRRTLLNBEAAQ", "OCHMRRTLLNBEMRRTLLNBEQ"},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				m := milter{protocol: wire.ProtoSkip, answer: func(c wire.Command, say func(...wire.Reply)) bool {
					if c.CommandCode() != tt.at {
						return false
					}
					say(bare(wire.RepSkip))
					return true
				}}
				want := map[string]string{"postfix": tt.postfix, "sendmail": tt.sendmail}[name]
				assert.Equal(t, want, twoMessages(t, mta, m), "SKIP at %v", tt.at)
			}
		})
	}
}

// twoMessages sends two messages over one connection and returns the commands
// that the milter received.
func twoMessages(t *testing.T, mta realmta.MTA, m milter) string {
	t.Helper()
	tr := m.start(t, mta)
	c := dial(t, mta.Addr())
	for range 2 {
		code, _ := c.Deliver(realmta.Message{
			From: "a@example.org", To: []string{"b@example.test", "c@example.test"},
			Data: []byte(simple + strings.Repeat(strings.Repeat("x", 78)+"\r\n", 2500)), // four chunks
		})
		assert.Equal(t, 250, code, "a message that the milter no longer sees is delivered")
	}
	_, _ = c.Cmd("QUIT")
	return tr.commands(t)
}
