package taping_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
	"github.com/sluicemail/sluice/wire"
)

const ended = "Z a failed false cut false work 0 0"

// preamble returns the entries with which each record of a session begins, and others.
func preamble(session int, more ...string) []string {
	return append([]string{
		fmt.Sprintf("S session%d mta", session), "F first false", "F second true", "C O",
		"C DCj", "C Cclient", "C Hname",
	}, more...)
}

// Each record of a session begins with its preamble. A HELO replaces the last one.
func TestPreamble(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.greet()
	m.send("DM", "Mann", "Rbob")
	assert.Equal(t, preamble(1, "C DM", "C Mann", "C Rbob", ended), m.message(t))
	m.send("Mcid")
	assert.Equal(t, preamble(1, "C Mcid", ended), m.message(t))
	m.send("Hother", "Mdan")
	want := preamble(1, "C Mdan", ended)
	want[6] = "C Hother"
	assert.Equal(t, want, m.message(t))
}

// After the command that ends a session, the next one begins without its client.
func TestNextSession(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.greet()
	m.send("Mann")
	m.message(t)
	m.Command(wire.Frame{Code: byte(wire.CmdQuitNC)}, 9)
	record, ends := m.EndSession(true)
	assert.False(t, record, "the session has a record")
	assert.True(t, ends)
	m.ResetSession(ends)
	m.session++
	m.send("Mbob")
	assert.Equal(t, []string{"S session2 mta", "F first false", "F second true", "C O", "C Mbob", ended}, m.message(t))
}

// A session without a message has a record if the filters know of it.
func TestSessionWithoutMessage(t *testing.T) {
	t.Parallel()
	for _, began := range []bool{false, true} {
		m := newMachine()
		m.greet()
		m.Command(wire.Frame{Code: byte(wire.CmdQuit)}, 9)
		record, ends := m.EndSession(began)
		assert.Equal(t, began, record)
		assert.True(t, ends)
		if record {
			got := m.end(t, taping.Ending{State: tape.StateAborted, Aborted: true})
			assert.Equal(t, preamble(1, "C Q", "Z b failed false cut false work 0 0"), got)
		}
	}
}

// What the MTA sends about a message that is over belongs to no record.
func TestNoRecord(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.greet()
	m.send("Mann")
	m.message(t)
	m.send("A")
	assert.True(t, m.Misses())
	assert.False(t, m.EndMessage())
	m.Reply(byte(wire.RepContinue))
	m.Replies([]byte("\x00\x00\x00\x01c"))
	m.NewBody(10)
	m.Command(wire.Frame{Code: byte(wire.CmdBody), Data: []byte("late")}, 9)
	m.Skip()
	m.Write()
	m.send("Mbob")
	assert.Equal(t, preamble(1, "C Mbob", ended), m.message(t))
}

// Macros that the MTA repeats are a mark, if the record has them last and nothing was skipped.
func TestAgain(t *testing.T) {
	t.Parallel()
	again := func(m *machine, macros string) {
		m.Command(wire.Frame{Code: 'D', Data: []byte(macros)}, 9)
		m.Again()
		m.Write()
	}
	m := newMachine()
	m.greet()
	m.send("Mann", "DLi")
	again(m, "Li")
	again(m, "Bi")
	m.Skip()
	again(m, "Bi")
	assert.Equal(t, preamble(1, "C Mann", "C DLi", "=", "C DBi", "C DBi", ended), m.message(t))
}

// Content that is not to be recorded leaves its size.
func TestWithoutContent(t *testing.T) {
	t.Parallel()
	m := newMachine(func(cfg *taping.Config) { cfg.Header, cfg.Body = false, false })
	m.greet()
	m.send("Mann", "Lname\x00value\x00", "Bchunk", "E")
	m.Replies([]byte("\x00\x00\x00\x05hn\x00v\x00\x00\x00\x00\x01c"))
	assert.Empty(t, m.Body(1, 7))
	assert.Equal(t, preamble(1, "C Mann", "c L 16", "c B 10", "C E", "r h 9", "R c", "B 1 0 of 7", ended), m.message(t))
}

// Frames whose length is wrong are not read past their end.
func TestRepliesMalformed(t *testing.T) {
	t.Parallel()
	for name, frames := range map[string]string{
		"short":    "\x00\x00",
		"empty":    "\x00\x00\x00\x00c",
		"too long": "\x00\x00\x00\x09c",
		"huge":     "\xff\xff\xff\xffc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine()
			m.greet()
			m.send("Mann")
			m.Replies([]byte(frames))
			assert.Equal(t, preamble(1, "C Mann", ended), m.message(t))
		})
	}
}

// A new body is as many frames as are sent.
func TestNewBody(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.greet()
	m.send("Mann")
	m.NewBody(0)
	m.NewBody(wire.MaxBodyChunk + 1)
	assert.Equal(t, preamble(1, "C Mann", "r b 5", fmt.Sprint("r b ", 5+wire.MaxBodyChunk), "r b 6", ended), m.message(t))
}

// A record grows beyond what is free only as far as the memory of all records allows, and
// gives it back.
func TestMemory(t *testing.T) {
	t.Parallel()
	chunk := "B" + strings.Repeat("x", 60_000)
	for _, limit := range []int64{1, 1 << 20} {
		memory := &spool.Budget{Limit: limit}
		m := newMachine(func(cfg *taping.Config) { cfg.Memory = memory })
		m.greet()
		m.send("Mann", chunk, chunk, chunk)
		fits := limit > 1
		assert.Equal(t, fits, memory.Used() > 0)
		got := m.message(t)
		require.Len(t, got, 12)
		assert.Contains(t, got[11], fmt.Sprint("cut ", !fits))
		assert.Zero(t, memory.Used())
	}
}

// A closed Writer writes nothing.
func TestClose(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.greet()
	m.send("Mann")
	m.Close()
	m.send("Rbob")
	m.Reply(byte(wire.RepContinue))
	m.Replies([]byte("\x00\x00\x00\x01c"))
	m.Verdict(&tape.Verdict{})
	m.Failure(0, tape.StageMail, "why")
	assert.True(t, m.Off())
	assert.Equal(t, preamble(1, "C Mann", ended), m.message(t))
}

// A record can end while a handler hangs, unless no session has begun.
func TestDetach(t *testing.T) {
	t.Parallel()
	m := newMachine()
	m.send("O")
	assert.False(t, m.Detach(true))
	m.send("Cclient")
	m.Calls(0, 0)
	require.True(t, m.Detach(true))
	m.Failure(0, 0, "hangs")
	got := m.end(t, taping.Ending{State: tape.StateRefused})
	assert.Contains(t, got, "X 0 hangs")
	assert.Contains(t, got[len(got)-1], "Z c failed true")
}

// Code that belongs to no filter makes the record one of a failure, and not the next one.
func TestFailureOfOtherCode(t *testing.T) {
	t.Parallel()
	m := newMachine()
	for _, hangs := range []bool{true, false} {
		m.send("O", "Cclient", "Mann")
		if hangs {
			m.Failure(taping.NoFilter, tape.StageMail, "hangs")
		}
		got := m.end(t, taping.Ending{Number: 1, State: tape.StateAborted})
		assert.Equal(t, hangs, slices.Contains(got, "X -1 hangs"), got)
		assert.Equal(t, hangs, strings.Contains(got[len(got)-1], "failed true"), got)
	}
}
