//go:build integration

package realmta_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveProgress has a milter process one command for longer than the MTA's
// timeout while it sends SMFIR_PROGRESS.
func TestProveProgress(t *testing.T) {
	t.Parallel()
	const wait, work, long = 2 * time.Second, 3 * time.Second, time.Minute
	early := []wire.CommandCode{wire.CmdConnect, wire.CmdMail, wire.CmdHeader, wire.CmdBody}
	last := []wire.CommandCode{wire.CmdBodyEOB}
	tests := map[string]struct {
		timeouts realmta.Config
		at       []wire.CommandCode
		code     map[string]int
	}{
		"before the end of message":               {realmta.Config{CommandTimeout: wait, MessageTimeout: long}, early, map[string]int{"postfix": 250, "sendmail": 451}},
		"at the end, the command's timeout":       {realmta.Config{CommandTimeout: wait, MessageTimeout: long}, last, map[string]int{"postfix": 250, "sendmail": 250}},
		"at the end, the whole message's as well": {realmta.Config{CommandTimeout: wait, MessageTimeout: wait}, last, map[string]int{"postfix": 250, "sendmail": 451}},
	}
	for what, tt := range tests {
		for name, start := range realmta.Each(tt.timeouts) {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				mta := start(t)
				for _, at := range tt.at {
					assert.Equal(t, tt.code[name], progressing(t, mta, at, work), at)
				}
			})
		}
	}
}

// TestProveProgressIsAnswer has a milter send SMFIR_PROGRESS once and reply
// within the MTA's timeout.
func TestProveProgressIsAnswer(t *testing.T) {
	t.Parallel()
	early := []wire.CommandCode{
		wire.CmdConnect, wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdData, wire.CmdHeader, wire.CmdEOH, wire.CmdBody,
	}
	code := map[string]int{"postfix": 250, "sendmail": 451}
	patient := realmta.Config{CommandTimeout: 5 * time.Minute, MessageTimeout: 5 * time.Minute}
	for name, start := range realmta.Each(patient) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, at := range early {
				began := time.Now()
				assert.Equal(t, code[name], progressing(t, mta, at, time.Millisecond), at)
				assert.Less(t, time.Since(began), time.Minute)
			}
			assert.Equal(t, 250, progressing(t, mta, wire.CmdBodyEOB, time.Millisecond))
		})
	}
}

// progressing sends a message through a milter that processes one command for
// some time, and returns the SMTP reply.
func progressing(t *testing.T, mta realmta.MTA, at wire.CommandCode, work time.Duration) int {
	t.Helper()
	milter{answer: func(c wire.Command, say func(...wire.Reply)) bool {
		if c.CommandCode() != at {
			return false
		}
		const pause = 250 * time.Millisecond
		for end := time.Now().Add(work); time.Now().Before(end); time.Sleep(min(pause, work)) {
			say(bare(wire.RepProgress))
		}
		return false
	}}.start(t, mta)
	c := dial(t, mta.Addr())
	code, _ := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "slow"))
	return code
}
