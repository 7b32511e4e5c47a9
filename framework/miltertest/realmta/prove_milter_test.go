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

// milter is a filter that sends exactly the replies that a test specifies,
// valid or not, so that the test sees how an MTA reacts. If answer returns
// false and the MTA waits for a reply, the milter replies with SMFIR_CONTINUE.
type milter struct {
	actions  wire.Actions
	protocol wire.Protocol // requested if the MTA offers it
	unasked  wire.Protocol // requested even if the MTA does not offer it
	macros   []wire.MacroList
	// answer is called for every command, including those that expect no
	// reply. If it returns false, the milter replies with SMFIR_CONTINUE.
	// It may be called concurrently, once for each SMTP client.
	answer func(c wire.Command, say func(...wire.Reply)) bool
}

// traffic records the messages between an MTA and its milter, one per line, in
// the format of wire.Tracer.
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

// lines waits until no connection is open, returns the recorded lines and
// clears the record.
func (tr *traffic) lines(t *testing.T) []string {
	t.Helper()
	require.Eventually(t, func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		return tr.open == 0 && tr.text.Len() > 0
	}, time.Minute, 10*time.Millisecond, "the MTA keeps its filter")
	tr.mu.Lock()
	defer tr.mu.Unlock()
	defer tr.text.Reset()
	return strings.Split(strings.TrimSuffix(tr.text.String(), "\n"), "\n")
}

// commands returns the codes of the recorded commands in order as one word,
// such as "OCHMRTLNBE". It omits macros.
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

// start configures the MTA to use the milter as its only filter.
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

// serve replies to one MTA until it disconnects. Disconnecting without
// SMFIC_QUIT is not an error.
func (m milter) serve(conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	decoder := wire.NewDecoder(new(wire.BufferPool), wire.Limit1M)
	for {
		frame, ok, err := decoder.Next()
		if err != nil {
			return err
		}
		if !ok {
			if err := conn.SetReadDeadline(time.Now().Add(5 * time.Minute)); err != nil {
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
	// Write errors are ignored, because some tests expect the MTA to
	// disconnect.
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

// atEOM returns an answer that sends modifications at the end of each message
// and accepts it.
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
