package taping_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
	"github.com/sluicemail/sluice/wire"
)

const (
	stageConnect byte = 0
	stageRcpt    byte = 3
	stageHeader  byte = 5
)

// Calls between which the session does not wait are timed together.
func TestCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		time.Sleep(time.Nanosecond) // a time in a record is not zero
		call := func(filter int, stage byte, d time.Duration) {
			m.Calls(filter, stage)
			time.Sleep(d)
			m.Called()
		}
		m.send("Cclient")
		call(0, stageConnect, 7)
		m.Waits()
		m.send("Mann", "Rbob")
		call(0, stageRcpt, 10)
		call(0, stageRcpt, 20)
		m.Waits()
		m.send("Rcid")
		call(0, stageRcpt, 5)
		call(1, stageRcpt, 2)
		m.Waits()
		time.Sleep(1000) // the MTA works
		m.send("Lname\x00value\x00")
		call(0, stageHeader, 3)
		call(1, tape.StageEndOfMessage, 4)
		m.Reply(byte(wire.RepAccept))
		time.Sleep(1000) // the MTA receives
		got := m.message(t)
		assert.Equal(t, []string{
			"L 0 stage 0: 1 in 7, at most 7", "C Mann", "C Rbob", "C Rcid", "C Lname\x00value\x00",
			"L 0 stage 3: 3 in 35, at most 30", "L 1 stage 3: 1 in 2, at most 2", "R a",
			"L 0 stage 5: 1 in 3, at most 3", "L 1 stage 8: 1 in 4, at most 4",
			"Z a failed false cut false work 38 6",
		}, got[2:])
		m.Command(wire.Frame{Code: byte(wire.CmdMail)}, 99)
		m.Write()
		assert.Contains(t, m.end(t, taping.Ending{State: tape.StateRefused}), "Z c failed false cut false work 7 0",
			"the record of a session has its work before the messages")
	})
}

// What is written while code of a filter runs comes after it, or belongs to no record.
func TestHeld(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.greet()
	m.send("Mann")
	m.Calls(1, stageRcpt)
	m.Held().Verdict(&tape.Verdict{Filter: 1, Decision: tape.Decision{Kind: 2}})
	m.Called()
	assert.Contains(t, m.message(t), "V 1 kind 2")
	m.Held().Verdict(&tape.Verdict{Filter: 1})
	m.Called()
	m.send("Mbob")
	assert.Equal(t, preamble(1, "C Mbob", ended), m.message(t))
}

// Edits are of one record.
func TestHasEdits(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.greet()
	m.send("Mann")
	m.Edited(1)
	assert.False(t, m.HasEdits(0))
	assert.True(t, m.HasEdits(1))
	m.message(t)
	assert.False(t, m.HasEdits(1))
}
