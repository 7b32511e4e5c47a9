package mta_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// FuzzReplies lets a filter send arbitrary bytes in reply to a whole message.
// The result must be a verdict or an error, within the limits.
func FuzzReplies(f *testing.F) {
	cont := frame(wire.RepContinue, "")
	hello := encode([]wire.Reply{&wire.Negotiate{Version: 6, Actions: everything}})
	f.Add(join(hello, cont, cont, cont, cont, cont, cont, cont, cont, cont, cont, encode([]wire.Reply{
		add("A", "b"), ins(0, "C", "d"), chg(1, "From", ""), &wire.ReplaceBody{Chunk: []byte("x")}, &wire.Quarantine{Reason: "x"},
	}), cont))
	f.Add(join(hello, frame(wire.RepProgress, ""), frame(wire.RepReject, "")))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"))
	f.Fuzz(func(t *testing.T, replies []byte) {
		c := mta.NewConn(&canned{Reader: bytes.NewReader(replies)}, mta.Config{MaxEdits: 1 << 20})
		out, err := c.Send(context.Background(), letter())
		if err != nil {
			require.Nil(t, out.Edited)
			return
		}
		assert.Equal(t, out.Edited == nil, out.Verdict.Refuses() || out.Verdict.Code == wire.RepDiscard)
	})
}

// canned is a connection whose peer has already sent all of its data.
type canned struct {
	net.Conn
	*bytes.Reader
}

func (c *canned) Read(p []byte) (int, error)  { return c.Reader.Read(p) }
func (*canned) Write(p []byte) (int, error)   { return len(p), nil }
func (*canned) SetDeadline(_ time.Time) error { return nil }

// FuzzReadMessageApply reads a message and applies arbitrary replies to it.
// Reading, writing and reading the message again must not change it. An edit
// must add or remove only what it names.
func FuzzReadMessageApply(f *testing.F) {
	f.Add([]byte("From: a\r\nA: b\r\n c\r\n\r\nbody\r\n"), encode([]wire.Reply{add("X", "y"), chg(1, "A", ""), ins(0, "B", "c")}))
	f.Add([]byte("no header"), encode([]wire.Reply{&wire.ReplaceBody{Chunk: []byte("a\r\nb")}, &wire.AddRcpt{Recipient: "<a@b>"}}))
	f.Add([]byte("From x\n>From y\nBcc: z\n\rA: b\r\r\n\r\nFrom x"), []byte(nil))
	f.Fuzz(func(t *testing.T, text, replies []byte) {
		for _, read := range []func(io.Reader) (*mta.Message, error){
			mta.ReadMessage, mta.Postfix.ReadMessage, mta.Sendmail.ReadMessage,
		} {
			m, err := read(bytes.NewReader(text))
			require.NoError(t, err)
			again, err := read(bytes.NewReader(m.Bytes()))
			require.NoError(t, err)
			assert.Equal(t, m, again)
		}
		m, err := mta.ReadMessage(bytes.NewReader(text))
		require.NoError(t, err)

		before := m.Bytes()
		mods := parse(replies)
		for _, flavor := range []mta.Flavor{mta.Postfix, mta.Sendmail} {
			edited, err := mta.Apply(m, mods, flavor, 0)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(edited.Header), len(m.Header)+len(mods))
			assert.GreaterOrEqual(t, len(edited.Header), len(m.Header)-len(mods))
		}
		assert.Equal(t, before, m.Bytes())
	})
}

// parse returns the modifications at the start of b.
func parse(b []byte) []wire.Reply {
	var mods []wire.Reply
	dec := wire.NewDecoder(new(wire.BufferPool), wire.DefaultLimit)
	for r := bytes.NewReader(b); ; {
		f, ok, err := dec.Next()
		if err != nil {
			return mods
		}
		if !ok {
			if _, err := dec.Fill(r); err != nil {
				return mods
			}
			continue
		}
		m, err := wire.ParseReply(wire.Frame{Code: f.Code, Data: bytes.Clone(f.Data)})
		if err != nil {
			return mods
		}
		switch m.(type) {
		case *wire.BareReply, *wire.SMTPReply, *wire.Negotiate:
		default:
			mods = append(mods, m)
		}
	}
}
