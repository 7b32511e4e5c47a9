//go:build integration

package realmta_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// milter is a filter that says what it is told to and nothing better, so that
// a test sees what an MTA makes of it. What it leaves out is answered with
// SMFIR_CONTINUE where the MTA waits for an answer.
type milter struct {
	actions  wire.Actions
	protocol wire.Protocol // as far as the MTA offers it
	unasked  wire.Protocol // whether or not the MTA offers it
	macros   []wire.MacroList
	// answer is called for each command that calls for an answer, and for
	// those that do not call for one besides. It returns false to have the
	// command answered with SMFIR_CONTINUE. It may be called from several
	// goroutines, one for each SMTP client.
	answer func(c wire.Command, say func(...wire.Reply)) bool
}

// traffic is what passed between an MTA and its milter, a line for each
// message, as wire.Tracer prints it.
type traffic struct {
	mu   sync.Mutex
	text strings.Builder
	open int
}

func (tr *traffic) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.Write(p)
}

func (tr *traffic) count(n int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.open += n
}

// lines returns what has passed when no connection is open any more, and
// forgets it.
func (tr *traffic) lines(t *testing.T) []string {
	t.Helper()
	require.Eventually(t, func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		return tr.open == 0 && tr.text.Len() > 0
	}, 20*time.Second, 10*time.Millisecond, "the MTA keeps its filter")
	tr.mu.Lock()
	defer tr.mu.Unlock()
	defer tr.text.Reset()
	return strings.Split(strings.TrimSuffix(tr.text.String(), "\n"), "\n")
}

// commands returns the codes of the commands that have passed, in order, as
// one word: "OCHMRTLNBE". Macros are left out.
func (tr *traffic) commands(t *testing.T) string {
	t.Helper()
	codes := map[string]string{
		"OPTNEG": "O", "CONNECT": "C", "HELO": "H", "MAIL": "M", "RCPT": "R", "DATA": "T", "HEADER": "L", "EOH": "N",
		"BODY": "B", "BODYEOB": "E", "ABORT": "A", "QUIT": "Q", "QUIT_NC": "K", "UNKNOWN": "U", "MACRO": "",
	}
	var word strings.Builder
	for _, line := range tr.lines(t) {
		if rest, ok := strings.CutPrefix(line, "MTA SMFIC_"); ok {
			name, _, _ := strings.Cut(rest, " ")
			require.Contains(t, codes, name)
			word.WriteString(codes[name])
		}
	}
	return word.String()
}

// start has the MTA ask the milter, and no other, about new connections.
func (m milter) start(t *testing.T, mta realmta.MTA) *traffic {
	t.Helper()
	tr := new(traffic)
	listener := mta.Listen(t, "unix")
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tr.count(1)
			running.Go(func() {
				defer tr.count(-1)
				assert.NoError(t, m.serve(wire.NewTracer(tr).Conn(conn, wire.FilterSide)))
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	mta.SetFilters(t, listener.Addr())
	return tr
}

// serve answers one MTA until it leaves. That it leaves without a word is no
// error.
func (m milter) serve(conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	decoder := wire.NewDecoder(new(wire.BufferPool), wire.Limit1M)
	for {
		frame, ok, err := decoder.Next()
		if err != nil {
			return err
		}
		if !ok {
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				return err
			}
			if _, err := decoder.Fill(conn); err != nil {
				return timeoutOnly(err)
			}
			continue
		}
		command, err := wire.ParseCommand(frame)
		if err != nil {
			return err
		}
		if err := m.obey(conn, command); err != nil {
			return err
		}
	}
}

func timeoutOnly(err error) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return nil
}

func (m milter) obey(conn net.Conn, command wire.Command) error {
	// An MTA that has given the filter up is what some tests are about.
	say := func(replies ...wire.Reply) {
		for _, r := range replies {
			if frame, err := r.Encode(nil); err == nil {
				_, _ = conn.Write(frame)
			}
		}
	}
	if offer, ok := command.(*wire.Negotiate); ok {
		n := wire.Negotiate{
			Version: 6, Actions: m.actions & offer.Actions, Protocol: m.protocol&offer.Protocol | m.unasked, Macros: m.macros,
		}
		frame, err := n.Encode(nil)
		if err == nil {
			_, err = conn.Write(frame)
		}
		return err
	}
	if m.answer != nil && m.answer(command, say) {
		return nil
	}
	switch command.CommandCode() {
	case wire.CmdMacro, wire.CmdAbort, wire.CmdQuit, wire.CmdQuitNC:
	default:
		say(bare(wire.RepContinue))
	}
	return nil
}

func bare(code wire.ReplyCode) wire.Reply { return &wire.BareReply{Code: code} }

// atEOM returns an answer that modifies each message and has it delivered.
func atEOM(modifications ...wire.Reply) func(wire.Command, func(...wire.Reply)) bool {
	return func(c wire.Command, say func(...wire.Reply)) bool {
		if c.CommandCode() != wire.CmdBodyEOB {
			return false
		}
		say(modifications...)
		say(bare(wire.RepContinue))
		return true
	}
}
