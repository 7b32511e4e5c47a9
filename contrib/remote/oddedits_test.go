//go:build integration

package remote_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// oddEdit is an answer to the end of the message before SMFIR_CONTINUE, and what Postfix does
// with it. The lane does the same, unless it refuses what Postfix takes.
type oddEdit struct {
	frames   []byte
	refuses  bool   // Postfix does, with 451
	stricter bool   // the lane refuses
	contains string // the delivered message does
}

// raw returns a frame with any data.
func raw(code wire.ReplyCode, data string) []byte {
	return wire.AppendFrame(nil, wire.Frame{Code: byte(code), Data: []byte(data)})
}

// indexed returns the data of an edit with an index.
func indexed(index uint32, rest string) string {
	return string(binary.BigEndian.AppendUint32(nil, index)) + rest
}

func oddEdits() map[string]oddEdit {
	edits := map[string]oddEdit{
		"a NUL in the value, added":    {frames: raw(wire.RepAddHeader, "X-Odd\x00a\x00b\x00"), refuses: true},
		"a NUL in the value, inserted": {frames: raw(wire.RepInsHeader, indexed(1, "X-Odd\x00a\x00b\x00")), refuses: true},
		"a NUL in the value, changed":  {frames: raw(wire.RepChgHeader, indexed(1, "Subject\x00a\x00b\x00")), refuses: true},
		"no value":                     {frames: raw(wire.RepAddHeader, "X-Odd\x00"), refuses: true},
		"no final NUL":                 {frames: raw(wire.RepAddHeader, "X-Odd\x00value"), refuses: true},
		"an empty value, added":        {frames: raw(wire.RepAddHeader, "X-Odd\x00\x00")},
		"an empty value, inserted":     {frames: raw(wire.RepInsHeader, indexed(1, "X-Odd\x00\x00"))},
		"an empty name, added":         {frames: raw(wire.RepAddHeader, "\x00value\x00"), stricter: true},
		"an empty name, inserted":      {frames: raw(wire.RepInsHeader, indexed(1, "\x00value\x00")), stricter: true},
		"an empty name, changed":       {frames: raw(wire.RepChgHeader, indexed(1, "\x00value\x00")), refuses: true},
		"an index of two bytes":        {frames: raw(wire.RepInsHeader, "\x00\x01"), refuses: true},
		"a NUL in a recipient":         {frames: raw(wire.RepAddRcpt, "<a@example.test>\x00<b@example.test>\x00"), refuses: true},
		"a NUL in a sender":            {frames: raw(wire.RepChgFrom, "<a@example.org>\x00RET=FULL\x00x\x00"), refuses: true},
		"an empty recipient":           {frames: raw(wire.RepAddRcpt, "\x00"), stricter: true},
	}
	const top, bottom = "Subject: x\r\nTwice: 1\r\nTwice: 2\r\n", "To: bob@example.test\r\n"
	const changed, deleted = "Subject: x\r\nTwice:value\r\nTwice: 2\r\n" + bottom, "Subject: x\r\nTwice: 2\r\n" + bottom
	for name, tc := range map[string]struct {
		index                      uint32
		inserted, changed, deleted string // what the message contains
	}{
		"0":      {0, "X-Odd:value\r\nReceived", changed, deleted},
		"1":      {1, "X-Odd:value\r\n" + top, changed, deleted},
		"3":      {3, "Twice: 1\r\nX-Odd:value\r\nTwice: 2\r\n", top + bottom + "Twice:value\r\n", top + bottom},
		"100":    {100, bottom + "X-Odd:value\r\n", top + bottom + "Twice:value\r\n", top + bottom},
		"2^31-1": {1<<31 - 1, bottom + "X-Odd:value\r\n", top + bottom + "Twice:value\r\n", top + bottom},
		"2^31":   {1 << 31, bottom + "X-Odd:value\r\n", top + bottom + "Twice:value\r\n", top + bottom},
		"-1":     {1<<32 - 1, bottom + "X-Odd:value\r\n", top + bottom + "Twice:value\r\n", top + bottom},
	} {
		edits["insert at "+name] = oddEdit{frames: raw(wire.RepInsHeader, indexed(tc.index, "X-Odd\x00value\x00")), contains: tc.inserted}
		edits["change of "+name] = oddEdit{frames: raw(wire.RepChgHeader, indexed(tc.index, "Twice\x00value\x00")), contains: tc.changed}
		edits["deletion of "+name] = oddEdit{frames: raw(wire.RepChgHeader, indexed(tc.index, "Twice\x00\x00")), contains: tc.deleted}
	}
	return edits
}

// beside is a Postfix that asks a milter itself for one client, and through a lane for another.
type beside struct{ *realmta.Postfix }

func startBeside(t *testing.T, serve func(net.Conn)) beside {
	t.Helper()
	p := startServer(t)
	ln := p.Listen(t, "unix")
	serveConns(t, ln, serve)
	everything := remote.Everything()
	through := listenFor(t, p, lane(t, remote.Config{EjectAfter: 1000, Wishes: &everything}, "unix:"+ln.Addr().String()))
	asks(t, p, map[string][]net.Addr{"127.0.1.1": {ln.Addr()}, "127.0.1.2": {through}})
	return beside{p}
}

// deliver sends a message and returns "451", or the message as it arrives, for both ways.
func (b beside) deliver(t *testing.T) (direct, through string) {
	t.Helper()
	return b.deliverFrom(t, "127.0.1.1"), b.deliverFrom(t, "127.0.1.2")
}

func (b beside) deliverFrom(t *testing.T, client string) string {
	t.Helper()
	c := realmta.DialSMTPFrom(t, b.Addr(), client)
	defer c.Close()
	c.Cmd("EHLO client.example.test")
	code, text := c.Deliver(realmta.Message{
		From: "ann@example.org", To: []string{"bob@example.test"},
		Data: []byte("Subject: x\r\nTwice: 1\r\nTwice: 2\r\nTo: bob@example.test\r\n\r\nhello\r\n"),
	})
	if code != 250 {
		assert.Equal(t, 451, code, text)
		return "451"
	}
	d := b.Sink().Await(t, realmta.ToRecipient("bob@example.test"))
	b.Sink().Reset()
	return d.From + " " + strings.Join(d.To, " ") + "\n" + strings.ReplaceAll(string(d.Data), d.Trace(), "Received: ...\r\n")
}

// Beside a real Postfix: edits with odd numbers and bytes do the same to a message whether
// Postfix asks the milter itself or through a lane.
func TestOddEdits(t *testing.T) {
	t.Parallel()
	var frames atomic.Pointer[[]byte]
	milter := &puppet{answer: remote.Everything(), reply: func(f wire.Frame) ([]byte, bool) {
		if wire.CommandCode(f.Code) == wire.CmdBodyEOB {
			return append(slices.Clone(*frames.Load()), bare(wire.RepContinue)...), true
		}
		return bare(wire.RepContinue), true
	}}
	b := startBeside(t, milter.serve)
	for name, tc := range oddEdits() { // one after the other, because they share the milter
		t.Run(name, func(t *testing.T) {
			frames.Store(&tc.frames)
			want, got := b.deliver(t)
			assert.Equal(t, tc.refuses, want == "451", want)
			assert.Contains(t, want, tc.contains)
			if tc.stricter {
				want = "451"
			}
			assert.Equal(t, want, got)
		})
	}
}

// Beside a real Postfix: a milter that closes one half of the connection after its answer to a
// command costs the message, unless that was the last answer. It is not shown the rest of the
// message by the lane either.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	var at atomic.Uint32
	var reads atomic.Bool // the half that is closed is the one to read from
	mark := append(frame(t, &wire.AddHeader{Name: "X-Filtered", Value: "yes"}), bare(wire.RepContinue)...)
	b := startBeside(t, func(conn net.Conn) {
		half := conn.(*net.UnixConn)
		p := &puppet{answer: remote.Everything()}
		p.reply = func(f wire.Frame) ([]byte, bool) {
			answer := bare(wire.RepContinue)
			if wire.CommandCode(f.Code) == wire.CmdBodyEOB {
				answer = mark
			}
			if uint32(f.Code) != at.Load() {
				return answer, true
			}
			_, _ = half.Write(answer)
			if !reads.Load() {
				return nil, half.CloseWrite() == nil
			}
			_ = half.CloseRead()
			select { // the other half stays open: Postfix may wait for an answer there
			case <-time.After(time.Second):
			case <-t.Context().Done():
			}
			return nil, false
		}
		p.serve(conn)
	})
	for _, code := range []wire.CommandCode{wire.CmdHelo, wire.CmdMail, wire.CmdRcpt, wire.CmdData, wire.CmdHeader, wire.CmdEOH, wire.CmdBody, wire.CmdBodyEOB} {
		for _, reading := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, reading: %v", code, reading), func(t *testing.T) {
				at.Store(uint32(code))
				reads.Store(reading)
				want, got := b.deliver(t)
				assert.Equal(t, want, got)
				assert.Equal(t, code == wire.CmdBodyEOB, strings.Contains(got, "X-Filtered:yes"), got)
				assert.Equal(t, code != wire.CmdBodyEOB, got == "451", got)
			})
		}
	}
}
