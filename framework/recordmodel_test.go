package framework_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	recorded "github.com/sluicemail/sluice/framework/inspect/record"
)

// modelRecord is a record as modelMTA expects it.
type modelRecord struct {
	State  recorded.State
	Number uint64
	Frames []string // the code and the data of each frame of the MTA, and "<" and the code of each reply
}

// modelMTA sends sessions at random, and keeps what their records must be. It knows nothing of how
// records are made: only which frames belong together.
type modelMTA struct {
	*rand.Rand

	sent                 []byte
	count                int
	offer, connect, helo []string
	between              []string // since the last HELO or CONNECT, or since the last message
	hasRecord            bool     // the session
	number               uint64   // of the latest message
	message              []string // of the open message, or nil
	want                 []modelRecord
}

// maybe is true in one of n cases.
func (m *modelMTA) maybe(n int) bool { return m.IntN(n) == 0 }

// send sends a frame, and returns it with its replies, which are given by their codes.
func (m *modelMTA) send(code byte, data, replies string) []string {
	m.sent = append(m.sent, raw(code, data)...)
	list := []string{string(code) + data}
	for _, r := range replies {
		list = append(list, "<"+string(r))
	}
	return list
}

// unique returns a value that no other frame has.
func (m *modelMTA) unique(format string) string {
	m.count++
	return fmt.Sprintf(format, m.count)
}

// macros sends macros for a command, or none.
func (m *modelMTA) macros(of byte) []string {
	if m.maybe(2) {
		return nil
	}
	return m.send('D', m.unique(string(of)+"{name}\x00%d\x00"), "")
}

// emit adds a record of what came since the last HELO or MAIL.
func (m *modelMTA) emit(state recorded.State, number uint64, frames []string) {
	m.want = append(m.want, modelRecord{state, number, frames})
	m.hasRecord, m.message, m.between = true, nil, nil
}

// preamble returns the frames with which each record begins, and others.
func (m *modelMTA) preamble(more ...string) []string {
	return slices.Concat(m.offer, m.connect, m.helo, more)
}

// endMessage ends the open message, which nothing has decided, if there is one.
func (m *modelMTA) endMessage() {
	if m.message != nil {
		m.emit(recorded.StateAborted, m.number, m.message)
	}
}

func (m *modelMTA) doHelo() {
	macros := m.macros('H')
	m.endMessage()
	m.helo, m.between = slices.Concat(macros, m.send('H', m.unique("helo%d\x00"), "c")), nil
}

func (m *modelMTA) doUnknown() {
	frames := m.send('U', m.unique("unknown%d\x00"), "c")
	if m.message != nil {
		m.message = append(m.message, frames...)
	} else {
		m.between = append(m.between, frames...)
	}
}

// doMessage sends a message. It may leave it open.
func (m *modelMTA) doMessage() {
	macros := m.macros('M')
	m.endMessage()
	if macros != nil && m.maybe(8) {
		macros = append(macros, m.send('U', m.unique("late%d\x00"), "c")...)
	}
	m.number++
	m.message = m.preamble(macros...)
	if m.maybe(6) {
		m.message = append(m.message, m.send('M', m.unique("<refused%d@example.org>\x00"), "r")...)
		m.emit(recorded.StateRejected, m.number, m.message)
		if m.maybe(2) {
			m.send('A', "", "")
		}
		return
	}
	m.message = append(m.message, m.send('M', m.unique("<ann%d@example.org>\x00"), "c")...)
	refused := 0
	recipients := m.IntN(4)
	for range recipients {
		m.message = append(m.message, m.macros('R')...)
		if m.maybe(3) {
			refused++
			m.message = append(m.message, m.send('R', m.unique("<refused%d@example.net>\x00"), "r")...)
		} else {
			m.message = append(m.message, m.send('R', m.unique("<bob%d@example.net>\x00"), "c")...)
		}
	}
	if m.maybe(4) {
		m.doUnknown()
	}
	if m.maybe(4) {
		if refused > 0 && refused == recipients {
			m.endAbort(recorded.StateRejected)
		} else {
			m.endAbort(recorded.StateAborted)
		}
		return
	}
	if recipients == 0 || refused == recipients {
		m.message = append(m.message, m.send('R', m.unique("<bob%d@example.net>\x00"), "c")...)
	}
	m.message = append(m.message, m.send('T', "", "c")...)
	m.content()
}

// endAbort gives the message up.
func (m *modelMTA) endAbort(state recorded.State) {
	m.emit(state, m.number, append(m.message, m.send('A', "", "")...))
}

// content sends the content of the message, and mostly its end.
func (m *modelMTA) content() {
	repeated := m.unique("L{name}\x00%d\x00")
	for range m.IntN(5) {
		if m.maybe(2) {
			m.message = append(m.message, m.send('D', repeated, "")...)
		}
		m.message = append(m.message, m.send('L', m.unique("Name\x00%d\x00"), "c")...)
	}
	m.message = append(m.message, m.send('N', "", "c")...)
	for range m.IntN(3) {
		m.message = append(m.message, m.macros('B')...)
		m.message = append(m.message, m.send('B', m.unique("chunk %d"), "c")...)
	}
	switch {
	case m.maybe(5):
		return
	case m.maybe(5):
		m.endAbort(recorded.StateAborted)
		return
	}
	m.emit(recorded.StateAccepted, m.number, append(m.message, m.send('E', "", "c")...))
	if m.maybe(2) {
		m.send('A', "", "") // as Postfix does
	}
}

// session sends a session and its end. It returns false if the connection has ended.
func (m *modelMTA) session() bool {
	macros := m.macros('C')
	m.endSession(nil)
	m.connect = slices.Concat(macros, m.send('C', m.unique("host%d\x004\x00\x19192.0.2.1\x00"), "c"))
	for range m.IntN(6) {
		switch m.IntN(5) {
		case 0:
			m.doUnknown()
		case 1:
			m.doHelo()
		default:
			m.doMessage()
		}
	}
	switch m.IntN(6) {
	case 0:
		m.endSession(m.send('Q', "", ""))
		return false
	case 1:
		m.endSession(nil) // the connection breaks
		return false
	case 2:
		m.endSession(nil)
		m.offer = m.send('O', commandData('O'), "O")
	case 3, 4:
		m.endSession(m.send('K', "", ""))
	}
	return true
}

// endSession ends the session with the frames, which belong to its record if it had no message.
func (m *modelMTA) endSession(last []string) {
	m.endMessage()
	if !m.hasRecord && m.connect != nil {
		m.emit(recorded.StateAborted, 0, m.preamble(append(m.between, last...)...))
	}
	m.connect, m.helo, m.between, m.hasRecord = nil, nil, nil, false
}

// judge returns a filter that answers at each stage, and refuses what says so.
func judge() *framework.Router {
	r := framework.NewRouter()
	decide := func(what string) (framework.Verdict, error) {
		if strings.HasPrefix(what, "refused") {
			return framework.Reject, nil
		}
		return framework.Continue, nil
	}
	for _, twin := range stageTwins() {
		if twin.stage != framework.StageMail && twin.stage != framework.StageRcpt {
			twin.on(r, goOn)
		}
	}
	r.OnMail(func(_ *framework.Session, m *framework.Mail) (framework.Verdict, error) { return decide(m.Sender()) })
	r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) { return decide(e.Recipient()) })
	r.OnUnknown(goesOn[*framework.Unknown])
	r.OnEndOfMessage(goesOn[*framework.EndOfMessage])
	return r
}

// frameList returns the frames of a record as modelRecord has them.
func frameList(m *recorded.Message) (list []string) {
	for i := range m.Frames {
		if f := &m.Frames[i]; f.FromMTA {
			list = append(list, string(f.Code)+string(f.Data))
		} else {
			list = append(list, "<"+string(f.Code))
		}
	}
	return list
}

// Each frame that the MTA sends is in the record to which it belongs, in its order and once,
// whatever the order in which sessions, messages and their macros follow each other.
func TestRecordsOfRandomSessions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		m := &modelMTA{Rand: rand.New(rand.NewPCG(seed, 1))}
		m.offer = m.send('O', commandData('O'), "O")
		for range 20 {
			if !m.session() {
				break
			}
		}
		m.endSession(nil)
		k := newRecorder()
		srv, err := framework.NewServer(judge(), framework.Config{Recorder: k, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		srv.ServeConn(&scriptConn{rest: m.sent})
		var got []modelRecord
		for _, rec := range k.all(t) {
			got = append(got, modelRecord{rec.Outcome.State, rec.Number, frameList(rec)})
			assert.False(t, rec.Cut)
			assert.Empty(t, rec.FailedIn)
		}
		if !assert.Equal(t, m.want, got, "seed %d", seed) {
			return
		}
	}
}
