package taping_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
	"github.com/sluicemail/sluice/wire"
)

// What records took of the memory of all is given back, however they end.
func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	unknown := "U" + strings.Repeat("x", 60_000)
	flood := func(m *machine) { m.send(unknown, unknown, unknown) }
	for name, end := range map[string]func(m *machine){
		"the next message":      func(m *machine) { m.send("Mann") },
		"another HELO":          func(m *machine) { m.send("Hname", "Mann") },
		"the end of the server": func(m *machine) { m.Close() },
		"the end of the session": func(m *machine) {
			m.Command(wire.Frame{Code: byte(wire.CmdQuit)}, 9)
			_, ends := m.EndSession(true)
			m.ResetSession(ends)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory := &spool.Budget{Limit: 1 << 30}
			m := newMachine(func(cfg *taping.Config) { cfg.Memory = memory })
			m.greet()
			m.send("Mann")
			m.message(t)
			flood(m)
			require.Positive(t, memory.Used())
			end(m)
			assert.Zero(t, memory.Used())
		})
	}
}

// Macros that no record has yet take nothing of the memory of all.
func TestMemoryOfGreeting(t *testing.T) {
	t.Parallel()
	memory := &spool.Budget{Limit: 1 << 30}
	m := newMachine(func(cfg *taping.Config) { cfg.Memory = memory })
	m.greet()
	m.send("Mann")
	m.message(t)
	for range 5 {
		m.send("DH"+strings.Repeat("x", 60_000), "Hname")
	}
	assert.Zero(t, memory.Used())
}

// The content of a record leaves room for the verdict, the errors and the times, however many
// frames, edits and verdicts about recipients come before them.
func TestRoomForVerdict(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	for name, hostile := range map[string]func(m *machine, i int){
		"short header fields":       func(m *machine, i int) { m.send(fmt.Sprintf("La\x00%d\x00", i)) },
		"answered header fields":    func(m *machine, _ int) { m.send("La\x00b\x00"); m.Reply('c') },
		"a wait after each command": func(m *machine, _ int) { m.send("La\x00b\x00"); m.Calls(0, stageHeader); m.Waits() },
		"refused recipients": func(m *machine, _ int) {
			m.send("Rbob")
			m.Verdict(&tape.Verdict{Stage: stageRcpt, Decision: tape.Decision{Kind: 6, Code: 550, Text: long}})
		},
		"failures at unknown commands": func(m *machine, _ int) {
			m.send("Uxyzzy")
			m.Failure(0, 11, long)
		},
		"a dry run": func(m *machine, _ int) {
			m.send("La\x00b\x00")
			m.Calls(1, stageHeader)
			m.Held().Failure(&tape.Failure{Filter: 1, Stage: stageHeader, Text: long})
			m.Called()
		},
		"edits":  func(m *machine, _ int) { m.Edit(&tape.Edit{Name: "X-A", Value: long}) },
		"bodies": func(m *machine, _ int) { clear(m.Body(0, 10_000)) },
		"notes":  func(m *machine, _ int) { m.Notes().Of(true).Add(tape.Note{Text: long}, time.Now()) },
		"macros": func(m *machine, i int) { m.send(fmt.Sprintf("DL%d%s", i, long)) },
	} {
		for _, bytes := range []int{32 << 10, 1 << 20} {
			t.Run(fmt.Sprint(name, " in ", bytes), func(t *testing.T) {
				t.Parallel()
				m := newMachine(func(cfg *taping.Config) { cfg.Bytes, cfg.Memory = bytes, &spool.Budget{Limit: 1} })
				m.send("O", "DC"+long, "Cclient", "DH"+long, "Hname", "Mann")
				for i := range 20_000 {
					hostile(m, i)
				}
				m.Calls(0, tape.StageEndOfMessage)
				m.Failure(0, tape.StageEndOfMessage, "why")
				m.Verdict(&tape.Verdict{Filter: 1, Stage: tape.StageEndOfMessage, Decision: tape.Decision{Kind: 2}})
				m.EndCalls()
				m.Attr("key", "value")
				m.Missing(1)
				for i := range 2 {
					m.EndFilter(i, true, false, true)
				}
				rec := m.End(&taping.Ending{Number: 1, State: tape.StateRejected}).Bytes
				assert.Less(t, len(rec), min(bytes, taping.FreeBytes)+1000)
				got := entries(t, rec)
				assert.Subset(t, got, []string{"F first false", "C Mann", "X 0 why", "V 1 kind 2", "A", "G"})
				assert.Contains(t, strings.Join(got, "\n"), "L 0 stage 8: 1 in")
			})
		}
	}
}

// Each record has the names of all filters, which other entries refer to.
func TestManyNames(t *testing.T) {
	t.Parallel()
	const filters = 1000
	for _, bytes := range []int{32 << 10, 1 << 20} {
		var m machine
		m.Init(&taping.Config{
			Bytes: bytes, Header: true, Body: true, Memory: &spool.Budget{Limit: 1}, Filters: filters,
			ID: func() string { return "id" },
		})
		for i := range filters {
			m.AddFilter(fmt.Sprint(i, strings.Repeat("n", 100)), false)
		}
		m.greet()
		m.send("Mann", "B"+strings.Repeat("x", 10_000))
		m.Verdict(&tape.Verdict{Filter: filters - 1, Stage: tape.StageEndOfMessage, Decision: tape.Decision{Kind: 2}})
		m.EndCalls()
		for i := range filters {
			m.EndFilter(i, true, false, true)
		}
		got := entries(t, m.End(&taping.Ending{Number: 1}).Bytes)
		assert.Equal(t, filters, strings.Count(strings.Join(got, "\n"), "\nF "))
		assert.Subset(t, got, []string{"C Mann", fmt.Sprint("V ", filters-1, " kind 2")})
		assert.Contains(t, got[len(got)-1], "cut false")
	}
}
