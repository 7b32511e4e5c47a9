//go:build integration

package realmta_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveDefaultAction shows what Postfix does by default if a filter breaks its
// connection, whatever the command is: what the client gets then, and for its next
// message.
func TestProveDefaultAction(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	out, err := mta.Command(t.Context(), "postconf", "-d", "-h", "milter_default_action").CombinedOutput()
	require.NoError(t, err, string(out))
	usual := strings.TrimSpace(string(out))
	mta.Reconfigure(t, map[string]string{"milter_default_action": usual})
	const later = "451 4.7.1 Service unavailable - try again later"
	want := byVersion{"": later + "; " + later, "3.10": "421 4.7.1 Service unavailable - try again later; closed"}.of(t, mta)
	for _, at := range []wire.CommandCode{wire.CmdMail, wire.CmdRcpt, wire.CmdBodyEOB} {
		mta.SetFilters(t, breakingAt(t, mta, at))
		assert.Equal(t, want, repliesToTwo(t, mta), at)
	}
}

// breakingAt returns the address of a filter that closes its connection at a
// command.
func breakingAt(t *testing.T, mta realmta.MTA, at wire.CommandCode) net.Addr {
	t.Helper()
	listener := mta.Listen(t, "unix")
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				// The error is that of reading a connection that is closed.
				_ = milter{answer: func(c wire.Command, _ func(...wire.Reply)) bool {
					if c.CommandCode() == at {
						_ = conn.Close()
					}
					return c.CommandCode() == at
				}}.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr()
}

// repliesToTwo sends two messages over one connection, and describes the replies.
func repliesToTwo(t *testing.T, mta realmta.MTA) string {
	t.Helper()
	var parts []string
	c := dial(t, mta.Addr())
	defer c.Close()
	for range 2 {
		code, text := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "twice"))
		part := fmt.Sprintf("%d %s", code, text)
		if code == 0 {
			part = "closed"
		}
		parts = append(parts, part)
		_, _ = c.Cmd("RSET")
	}
	return strings.Join(parts, "; ")
}

// TestProveQuarantine shows what Postfix logs of a message that a filter
// quarantines.
func TestProveQuarantine(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	tr := milter{actions: wire.ActionQuarantine, answer: atEOM(&wire.Quarantine{Reason: "too odd"})}.start(t, mta)
	c := dial(t, mta.Addr())
	code, text := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "held"))
	require.Equal(t, 250, code, text)
	_, _ = c.Cmd("QUIT")
	_ = tr.lines(t)
	reason := byVersion{"": "milter triggers HOLD action", "3.10": "too odd"}.of(t, mta)
	mta.AwaitLog(t, ": milter-hold: END-OF-MESSAGE from localhost[127.0.0.1]: "+reason+"; from=<sender@example.org> ")
}
