package taping_test

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
)

// Notes of the session are in each of its records, and those of a message in its own.
func TestNotes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine()
		m.greet()
		notes := m.Notes()
		time.Sleep(time.Nanosecond) // a time in a record is not zero
		began := time.Now()
		time.Sleep(5 * time.Nanosecond)
		session := notes.Of(false)
		session.Add(tape.Note{Filter: 1, Text: "session"}, began)
		m.send("Mann")
		m.Calls(0, stageRcpt)
		assert.Equal(t, 0, notes.Running())
		message := notes.Of(true)
		message.Add(tape.Note{Filter: taping.NoFilter, Text: "message"}, began.Add(-time.Hour))
		m.Waits()
		assert.Equal(t, taping.NoFilter, notes.Running())
		got := m.message(t)
		assert.Subset(t, got, []string{"N 1 session in 5", "N 0 message in 5"}, "no note began before the session")

		message.Add(tape.Note{Text: "late"}, began)
		m.send("Mbob")
		assert.Equal(t, preamble(1, "C Mbob", "N 1 session in 5", ended), m.message(t))

		m.ResetSession(false)
		session.Add(tape.Note{Text: "late"}, began)
		m.send("Mcid")
		assert.Equal(t, append(preamble(1)[:4], "C Mcid", ended), m.message(t), "without the client")
	})
}

// Any number of goroutines may add any number of notes while records end: their size is bounded.
func TestNotesConcurrent(t *testing.T) {
	t.Parallel()
	m := newMachine(func(cfg *taping.Config) { cfg.Bytes = 64 << 10 })
	m.greet()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 1000 {
				m.Notes().Of(i%2 == 0).Add(tape.Note{Filter: i, Text: "note " + strconv.Itoa(i)}, time.Now())
			}
		})
	}
	for range 10 {
		m.send("Mann")
		m.message(t)
	}
	wg.Wait()
	m.send("Mann")
	assert.Less(t, len(m.message(t)), 1000, "of 4000")
}
