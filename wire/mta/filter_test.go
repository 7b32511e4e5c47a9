package mta_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// filter is a scripted milter. To a command without a scripted reply it replies
// SMFIR_CONTINUE, or nothing if it negotiated not to reply.
type filter struct {
	// actions, protocol and macros are the filter's answer to the offer.
	version  uint32
	actions  wire.Actions
	protocol wire.Protocol
	macros   []wire.MacroList
	// on returns the replies to a command. The last one ends the event.
	on func(cmd wire.Command) []wire.Reply
	// raw returns bytes to send instead of replies.
	raw func(cmd wire.Command) []byte

	mu      sync.Mutex
	heard   []string
	serving sync.WaitGroup
}

// everything has the actions of a filter that uses every modification.
const everything = wire.KnownActions

func bare(code wire.ReplyCode) []wire.Reply { return []wire.Reply{&wire.BareReply{Code: code}} }

// answer scripts the replies to every command with the given code.
func answer(code wire.CommandCode, replies ...wire.Reply) func(wire.Command) []wire.Reply {
	return func(cmd wire.Command) []wire.Reply {
		if cmd.CommandCode() != code {
			return nil
		}
		return replies
	}
}

// dial starts the filter and returns the MTA's end of a connection to it.
func (f *filter) dial(t testing.TB, cfg mta.Config) *mta.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	f.serving.Go(func() { f.serve(theirs) })
	t.Cleanup(func() {
		_ = ours.Close()
		f.serving.Wait()
	})
	return mta.NewConn(ours, cfg)
}

// negotiated is like dial, and then negotiates.
func (f *filter) negotiated(t testing.TB, cfg mta.Config) *mta.Conn {
	t.Helper()
	c := f.dial(t, cfg)
	require.NoError(t, c.Negotiate(context.Background()))
	return c
}

// quit ends the connection and waits until the filter has received all
// commands.
func (f *filter) quit(t testing.TB, c *mta.Conn) {
	t.Helper()
	require.NoError(t, c.Quit(context.Background()))
	f.serving.Wait()
}

// commands returns the commands that the filter received.
func (f *filter) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.heard...)
}

func (f *filter) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	dec := wire.NewDecoder(new(wire.BufferPool), wire.Limit1M)
	for {
		frame, ok, err := dec.Next()
		if err != nil {
			return
		}
		if !ok {
			if _, err := dec.Fill(conn); err != nil {
				return
			}
			continue
		}
		out, ok := f.handle(frame)
		if len(out) > 0 {
			_, err = conn.Write(out)
		}
		if err != nil || !ok {
			return
		}
	}
}

func (f *filter) handle(frame wire.Frame) ([]byte, bool) {
	cmd, err := wire.ParseCommand(frame)
	if err != nil {
		return nil, false
	}
	f.mu.Lock()
	f.heard = append(f.heard, cmd.String()+more(frame))
	f.mu.Unlock()
	if f.raw != nil {
		if out := f.raw(cmd); out != nil {
			return out, true
		}
	}
	return encode(f.replies(cmd)), cmd.CommandCode() != wire.CmdQuit
}

// more returns the data of an offer after its three numbers.
func more(frame wire.Frame) string {
	if frame.Code != byte(wire.CmdOptNeg) || len(frame.Data) <= 12 {
		return ""
	}
	return fmt.Sprintf(" and %d bytes", len(frame.Data)-12)
}

func (f *filter) replies(cmd wire.Command) []wire.Reply {
	if f.on != nil {
		if list := f.on(cmd); list != nil {
			return list
		}
	}
	switch cmd.CommandCode() {
	case wire.CmdOptNeg:
		version := f.version
		if version == 0 {
			version = cmd.(*wire.Negotiate).Version
		}
		return []wire.Reply{&wire.Negotiate{
			Version: version, Actions: f.actions, Protocol: f.protocol, Macros: f.macros,
		}}
	case wire.CmdMacro, wire.CmdAbort, wire.CmdQuit, wire.CmdQuitNC:
		return nil
	}
	if f.protocol&noReply[cmd.CommandCode()] != 0 {
		return nil
	}
	return bare(wire.RepContinue)
}

// noReply repeats the table in the package, so that the tests do not depend on
// the table that they test.
var noReply = map[wire.CommandCode]wire.Protocol{
	wire.CmdConnect: wire.ProtoNRConn, wire.CmdHelo: wire.ProtoNRHelo, wire.CmdMail: wire.ProtoNRMail,
	wire.CmdRcpt: wire.ProtoNRRcpt, wire.CmdData: wire.ProtoNRData, wire.CmdHeader: wire.ProtoNRHdr,
	wire.CmdEOH: wire.ProtoNREOH, wire.CmdBody: wire.ProtoNRBody, wire.CmdUnknown: wire.ProtoNRUnkn,
}

func encode(replies []wire.Reply) []byte {
	var out []byte
	for _, r := range replies {
		var err error
		if f, ok := negative(r); ok {
			out = wire.AppendFrame(out, f)
		} else if out, err = r.Encode(out); err != nil {
			panic(err)
		}
	}
	return out
}

// negative returns a frame with a negative index, which no message can encode.
func negative(r wire.Reply) (wire.Frame, bool) {
	var index uint32
	var name, value string
	switch r := r.(type) {
	case *wire.InsertHeader:
		index, name, value = r.Index, r.Name, r.Value
	case *wire.ChangeHeader:
		index, name, value = r.Index, r.Name, r.Value
	}
	data := binary.BigEndian.AppendUint32(nil, index)
	data = append(data, name+"\x00"+value+"\x00"...)
	return wire.Frame{Code: byte(r.ReplyCode()), Data: data}, index > math.MaxInt32
}

// letter is a message to send.
func letter() *mta.Message {
	return &mta.Message{
		Helo:       "client.example.org",
		Sender:     mta.Address{Addr: "<a@example.org>", Args: []string{"SIZE=100"}},
		Recipients: []mta.Recipient{{Addr: "<b@example.net>"}, {Addr: "<c@example.net>"}},
		Header:     []mta.Field{{"From", " a@example.org"}, {"Subject", " hello\n world"}},
		Body:       []byte("one\r\ntwo\r\n"),
	}
}

// addingFilter starts a filter for the examples.
func addingFilter() (net.Conn, func()) {
	ours, theirs := net.Pipe()
	f := &filter{
		actions: wire.ActionAddHdrs,
		protocol: wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoData |
			wire.ProtoNRHdr | wire.ProtoNoEOH | wire.ProtoNoBody,
		on: answer(wire.CmdBodyEOB, add("X-Seen", "yes"), &wire.BareReply{Code: wire.RepAccept}),
	}
	f.serving.Go(func() { f.serve(theirs) })
	return ours, func() {
		_ = ours.Close()
		f.serving.Wait()
	}
}
