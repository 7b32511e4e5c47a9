package maddy_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/maddy"
)

// behind is a Maddy whose filter can be replaced for each message.
type behind struct {
	*realmta.Gate
	*maddy.Server
}

func newBehind(t *testing.T) behind {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gate := realmta.OpenGate(t, listener)
	return behind{gate, maddy.Start(t, program, listener.Addr())}
}

// addr returns the address of Maddy. Gate has a method Addr, too.
func (b behind) addr() string { return b.Server.Addr() }

// client connects to Maddy and says EHLO.
func (b behind) client(t *testing.T) *realmta.Client {
	t.Helper()
	c := realmta.DialSMTP(t, b.addr())
	code, text := c.Cmd("EHLO client.example.test")
	require.Equal(t, 250, code, text)
	return c
}

// raw is a filter that asks for nothing and sends exactly the replies that a test
// specifies. It answers other events with SMFIR_CONTINUE.
type raw struct {
	// answer returns the replies to a command, or nil. It runs for one connection at a
	// time. If the replies are empty and not nil, the filter closes the connection.
	answer func(wire.Command) []wire.Reply
	trace  testproc.Buffer

	mu      sync.Mutex
	changed sync.Cond
	open    int
}

func newRaw(answer func(wire.Command) []wire.Reply) *raw {
	r := &raw{answer: answer}
	r.changed.L = &r.mu
	return r
}

func (r *raw) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open += n
	r.changed.Broadcast()
}

// traffic waits until no connection is open, and returns what the wire.Tracer printed.
func (r *raw) traffic() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.open > 0 {
		r.changed.Wait()
	}
	return r.trace.String()
}

// serve replies to Maddy until it disconnects.
func (r *raw) serve(conn net.Conn) {
	r.count(1)
	defer r.count(-1)
	conn = wire.NewTracer(&r.trace).Conn(conn, wire.FilterSide)
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(testproc.Patience))
	decoder := wire.NewDecoder(new(wire.BufferPool), wire.Limit1M)
	for {
		frame, ok, err := decoder.Next()
		if err != nil {
			return
		}
		if !ok {
			if _, err := decoder.Fill(conn); err != nil {
				return
			}
			continue
		}
		if command, err := wire.ParseCommand(frame); err != nil || r.obey(conn, command) != nil {
			return
		}
	}
}

func (r *raw) obey(conn io.Writer, command wire.Command) error {
	if offer, ok := command.(*wire.Negotiate); ok {
		frame, err := (&wire.Negotiate{Version: 6, Actions: offer.Actions}).Encode(nil)
		if err == nil {
			_, err = conn.Write(frame)
		}
		return err
	}
	r.mu.Lock()
	replies := r.answer(command)
	r.mu.Unlock()
	if replies != nil && len(replies) == 0 {
		return io.EOF // the filter hangs up
	}
	switch command.CommandCode() {
	case wire.CmdMacro, wire.CmdAbort, wire.CmdQuit, wire.CmdQuitNC:
	default:
		if replies == nil {
			replies = []wire.Reply{bare(wire.RepContinue)}
		}
	}
	for _, reply := range replies {
		frame, err := reply.Encode(nil)
		if err != nil {
			return err
		}
		if _, err := conn.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

func bare(code wire.ReplyCode) wire.Reply { return &wire.BareReply{Code: code} }

// nothing is an answer that continues.
func nothing(wire.Command) []wire.Reply { return nil }
