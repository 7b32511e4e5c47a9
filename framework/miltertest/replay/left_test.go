package replay_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// act is what a scripted filter does when a command comes.
type act struct {
	at      wire.CommandCode
	number  int    // of the commands of this code, from 1
	reply   string // a frame, or "" for none
	closing bool
}

// scripted returns a Dial function to a filter that asks for all stages, answers them all but
// header fields with SMFIR_CONTINUE, and what it does else.
func scripted(a act) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		near, far := miltertest.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			seen := 0
			dec := wire.NewDecoder(new(wire.BufferPool), 1<<20)
			for {
				f, ok, err := dec.Next()
				if err != nil {
					return
				}
				if !ok {
					if n, err := dec.Fill(far); n == 0 || err != nil {
						return
					}
					continue
				}
				if f.Code == byte(a.at) {
					seen++
				}
				now := f.Code == byte(a.at) && seen == a.number
				if _, err := far.Write([]byte(answerTo(wire.CommandCode(f.Code), now, a.reply))); err != nil || now && a.closing {
					return
				}
			}
		}()
		return near, nil
	}
}

func answerTo(code wire.CommandCode, now bool, reply string) string {
	switch {
	case now && reply != "":
		return reply
	case code == wire.CmdOptNeg:
		return "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x80"
	case code == wire.CmdConnect, code == wire.CmdHelo, code == wire.CmdMail, code == wire.CmdRcpt, code == wire.CmdData:
		return "\x00\x00\x00\x01c"
	case code == wire.CmdEOH, code == wire.CmdBody, code == wire.CmdBodyEOB:
		return "\x00\x00\x00\x01c"
	}
	return ""
}

// left records a client that leaves a message after some fields of its header, on a connection
// on which a message came before.
func left(t *testing.T) *record.Message {
	t.Helper()
	conn, err := scripted(act{})(t.Context())
	require.NoError(t, err)
	tap := &capture{Conn: conn}
	c := mta.NewConn(tap, mta.Config{Offer: mta.SendmailOffer()})
	require.NoError(t, c.Negotiate(t.Context()))
	ok := func(_ mta.Response, err error) { require.NoError(t, err) }
	ok(c.Connect(t.Context(), &wire.Connect{Host: []byte("a"), Family: wire.FamilyInet, Port: 1, Address: []byte("192.0.2.1")}))
	ok(c.Helo(t.Context(), "a"))
	ok(c.Mail(t.Context(), "<a@example.org>"))
	ok(c.Rcpt(t.Context(), "<b@example.org>"))
	ok(c.Data(t.Context()))
	_, _, err = c.EndOfMessage(t.Context(), nil)
	require.NoError(t, err)
	ok(c.Helo(t.Context(), "b"))
	ok(c.Mail(t.Context(), "<c@example.org>"))
	ok(c.Rcpt(t.Context(), "<d@example.org>"))
	ok(c.Data(t.Context()))
	ok(c.Header(t.Context(), "Subject", "x"))
	ok(c.Header(t.Context(), "X-Other", "x"))
	require.NoError(t, c.Abort())
	require.NoError(t, c.Quit(t.Context()))
	return newRecord(tap.frames)
}

// A client leaves a message. A filter that closes the connection before the end of the session
// fails all the same, from the message on in which it does.
func TestFilterFailsWhereClientLeft(t *testing.T) {
	t.Parallel()
	const closed = "the filter closed the connection before the end of the session"
	for name, c := range map[string]struct {
		act   act
		says  string
		first int // the first message that differs, or 0
	}{
		"waits for the end":                     {act{}, "", 0},
		"closes at the end":                     {act{at: wire.CmdQuit, number: 1, closing: true}, "", 0},
		"closes after an answer":                {act{at: wire.CmdData, number: 2, closing: true}, closed, 2},
		"closes at a field without an answer":   {act{at: wire.CmdHeader, number: 2, closing: true}, closed, 2},
		"closes at the abort":                   {act{at: wire.CmdAbort, number: 1, closing: true}, closed, 2},
		"answers a field that needs no answer":  {act{at: wire.CmdHeader, number: 2, reply: "\x00\x00\x00\x01c"}, "a reply that was not due", 2},
		"closes between the messages":           {act{at: wire.CmdHelo, number: 2, closing: true, reply: "\x00\x00\x00\x01c"}, "", 2},
		"closes instead of an answer":           {act{at: wire.CmdHelo, number: 2, closing: true, reply: "\x00"}, "closed the connection instead of answering SMFIC_HELO", 2},
		"closes at the begin of the connection": {act{at: wire.CmdConnect, number: 1, closing: true, reply: "\x00"}, "closed the connection instead of answering SMFIC_CONNECT", 1},
		"closes instead of the verdict":         {act{at: wire.CmdBodyEOB, number: 1, closing: true, reply: "\x00"}, "closed the connection instead of answering SMFIC_BODYEOB", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := replay.Play(t.Context(), replay.Config{Dial: scripted(c.act), AsksForMacros: true}, left(t))
			require.NoError(t, err)
			require.Empty(t, res.NotReplayable)
			if c.first == 0 {
				assert.Empty(t, res.Text())
				return
			}
			require.Len(t, res.Messages, 3-c.first, res.Text())
			assert.Equal(t, c.first, res.Messages[0].Number)
			last := res.Messages[len(res.Messages)-1]
			assert.Equal(t, replay.Failed, last.Now.Verdict)
			assert.Equal(t, replay.Left, last.Recorded.Verdict)
			assert.NotEmpty(t, last.Now.Error)
			assert.Contains(t, last.Now.Error, c.says)
			assert.Equal(t, []replay.Kind{replay.KindFailure}, res.Kinds())
		})
	}
}
