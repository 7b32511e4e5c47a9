package mta_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// at sends raw bytes in reply to every command with the given code.
func at(code wire.CommandCode, p []byte) func(wire.Command) []byte {
	return func(cmd wire.Command) []byte {
		if cmd.CommandCode() != code {
			return nil
		}
		return p
	}
}

func frame(code wire.ReplyCode, data string) []byte {
	return wire.AppendFrame(nil, wire.Frame{Code: byte(code), Data: []byte(data)})
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestFilterBreaksTheProtocol(t *testing.T) {
	t.Parallel()
	cont := frame(wire.RepContinue, "")
	chunk := frame(wire.RepReplBody, "x\r\n")
	for name, tt := range map[string]struct {
		at     wire.CommandCode
		bytes  []byte
		reason string
	}{
		"unknown reply":            {wire.CmdMail, frame('Z', ""), "unknown reply"},
		"no frame":                 {wire.CmdMail, []byte("220 mx ESMTP\r\n"), "length"},
		"length of zero":           {wire.CmdMail, []byte{0, 0, 0, 0}, "zero"},
		"bytes after continue":     {wire.CmdMail, frame(wire.RepContinue, "x"), "trailing bytes"},
		"a second reply":           {wire.CmdMail, join(cont, cont), "not due"},
		"half a second reply":      {wire.CmdMail, join(cont, cont[:3]), "not due"},
		"string without NUL":       {wire.CmdMail, frame(wire.RepReplyCode, "550 no"), "NUL"},
		"reply without code":       {wire.CmdMail, frame(wire.RepReplyCode, "250 ok\x00"), "code"},
		"modification before EOM":  {wire.CmdMail, frame(wire.RepAddRcpt, "<a@b>\x00"), "before the end"},
		"quarantine before EOM":    {wire.CmdHeader, frame(wire.RepQuarantine, "x\x00"), "before the end"},
		"discard at connect":       {wire.CmdConnect, frame(wire.RepDiscard, ""), "discard"},
		"connection failure":       {wire.CmdMail, frame(wire.RepConnFail, ""), "not a valid answer to"},
		"negotiation again":        {wire.CmdMail, encode([]wire.Reply{&wire.Negotiate{Version: 6}}), "not a valid answer to"},
		"skip at end of message":   {wire.CmdBodyEOB, frame(wire.RepSkip, ""), "skip"},
		"split body":               {wire.CmdBodyEOB, join(chunk, frame(wire.RepAddHeader, "a\x00b\x00"), chunk), "between"},
		"action not negotiated":    {wire.CmdBodyEOB, frame(wire.RepDelRcpt, "<a@b>\x00"), "SMFIF_DELRCPT"},
		"half a negotiation":       {wire.CmdOptNeg, frame('O', "\x00\x00\x00\x06"), "truncated"},
		"continue for negotiation": {wire.CmdOptNeg, cont, "answer to SMFIC_OPTNEG"},
		"reply after negotiation": {
			wire.CmdOptNeg, join(encode([]wire.Reply{&wire.Negotiate{Version: 6}}), cont), "not due",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &filter{actions: wire.ActionChgBody | wire.ActionAddHdrs, raw: at(tt.at, tt.bytes)}
			c := f.dial(t, mta.Config{ContentTimeout: time.Second, CommandTimeout: time.Second})
			_, err := c.Send(context.Background(), letter())
			var broken *wire.ProtocolError
			require.ErrorAs(t, err, &broken)
			assert.Contains(t, broken.Reason, tt.reason)
			assert.Equal(t, err, c.Err())

			_, again := c.Helo(context.Background(), "x")
			assert.Equal(t, err, again)
		})
	}
}

func TestFilterAnswersWhatItSaidItWouldNot(t *testing.T) {
	t.Parallel()
	f := &filter{protocol: wire.ProtoNRHelo, raw: at(wire.CmdHelo, frame(wire.RepContinue, ""))}
	c := f.negotiated(t, mta.Config{})
	r, err := c.Helo(context.Background(), "x")
	require.NoError(t, err)
	assert.Equal(t, mta.NotAwaited, r.Origin)
	err = c.Silent(context.Background(), 10*time.Second)
	var broken *wire.ProtocolError
	require.ErrorAs(t, err, &broken)
}

func TestSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := new(filter).negotiated(t, mta.Config{})
		require.NoError(t, c.Silent(context.Background(), time.Minute))
		_, err := c.Helo(context.Background(), "x")
		require.NoError(t, err)
	})
}

func TestAnswerOutsideTheOffer(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*filter{
		"version":  {version: 7},
		"actions":  {actions: 1 << 20},
		"protocol": {protocol: wire.ProtoMDS1M},
		"macros":   {macros: []wire.MacroList{{Stage: wire.MacroEOM, Names: "i"}}},
	} {
		c := f.dial(t, mta.Config{})
		var broken *wire.ProtocolError
		require.ErrorAs(t, c.Negotiate(context.Background()), &broken, name)
		_, ok := c.Negotiated()
		assert.False(t, ok)
	}
	c := (&filter{version: 1}).dial(t, mta.Config{})
	require.ErrorIs(t, c.Negotiate(context.Background()), wire.ErrNotImplemented)
}

func TestFilterIsSlow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		at      wire.CommandCode
		timeout time.Duration
	}{
		"envelope": {wire.CmdMail, 30 * time.Second},
		"content":  {wire.CmdBodyEOB, 300 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &filter{raw: func(cmd wire.Command) []byte {
					if cmd.CommandCode() == tt.at {
						return []byte{0, 0}
					}
					return nil
				}}
				start := time.Now()
				_, err := f.dial(t, mta.Config{}).Send(context.Background(), letter())
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.Equal(t, tt.timeout, time.Since(start))
			})
		})
	}
}

func TestProgressRestartsTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _ = ours.Close() }()
		go func() {
			f := new(filter)
			dec := wire.NewDecoder(new(wire.BufferPool), wire.DefaultLimit)
			for {
				in, ok, _ := dec.Next()
				if ok && in.Code == byte(wire.CmdHelo) {
					for range 3 {
						time.Sleep(29 * time.Second)
						_, _ = theirs.Write(frame(wire.RepProgress, ""))
					}
					time.Sleep(29 * time.Second)
				}
				if ok {
					out, _ := f.handle(in)
					_, _ = theirs.Write(out)
				} else if _, err := dec.Fill(theirs); err != nil {
					return
				}
			}
		}()
		c := mta.NewConn(ours, mta.Config{})
		require.NoError(t, c.Negotiate(context.Background()))
		r, err := c.Helo(context.Background(), "x")
		require.NoError(t, err)
		assert.Equal(t, wire.RepContinue, r.Code)
	})
}

// AnswerTimeout ends the wait for a filter that sends nothing but SMFIR_PROGRESS.
func TestAnswerTimeout(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]time.Duration{"seldom": time.Second, "often": 10 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				done := make(chan struct{})
				defer func() {
					_ = ours.Close()
					<-done
				}()
				go func() {
					defer close(done)
					f := new(filter)
					dec := wire.NewDecoder(new(wire.BufferPool), wire.DefaultLimit)
					for {
						in, ok, _ := dec.Next()
						if ok && in.Code == byte(wire.CmdHelo) {
							break
						}
						if ok {
							out, _ := f.handle(in)
							_, _ = theirs.Write(out)
						} else if _, err := dec.Fill(theirs); err != nil {
							return
						}
					}
					for {
						if _, err := theirs.Write(bytes.Repeat(frame(wire.RepProgress, ""), 100)); err != nil {
							return
						}
						time.Sleep(pause)
					}
				}()
				c := mta.NewConn(ours, mta.Config{AnswerTimeout: 10 * time.Second})
				require.NoError(t, c.Negotiate(t.Context()))
				began := time.Now()
				_, err := c.Helo(t.Context(), "x")
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.ErrorContains(t, err, "no answer to SMFIC_HELO in time")
				assert.InDelta(t, 10*time.Second, time.Since(began), float64(time.Second))
			})
		})
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mute := func() *filter { return &filter{raw: at(wire.CmdHelo, []byte{0})} }
		c := mute().negotiated(t, mta.Config{})
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(assert.AnError) })
		_, err := c.Helo(ctx, "x")
		require.ErrorIs(t, err, assert.AnError)

		c = mute().negotiated(t, mta.Config{})
		late, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_, err = c.Helo(late, "x")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestFilterHangsUp(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	go func() {
		_, _ = io.ReadFull(theirs, make([]byte, 17))
		_ = theirs.Close()
	}()
	err := mta.NewConn(ours, mta.Config{}).Negotiate(context.Background())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Contains(t, err.Error(), "SMFIC_OPTNEG")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	reply, err := wire.NewSMTPReply(550, "", "a long reason to refuse")
	require.NoError(t, err)
	f := &filter{on: answer(wire.CmdMail, &reply)}
	_, err = f.dial(t, mta.Config{Limit: 16}).Send(context.Background(), letter())
	var broken *wire.ProtocolError
	require.ErrorAs(t, err, &broken)

	large := frame(wire.RepAddHeader, "X\x00"+string(bytes.Repeat([]byte("y"), 200_000))+"\x00")
	offer := mta.SendmailOffer()
	offer.Protocol |= wire.ProtoMDS1M | wire.ProtoMDS256K
	f = &filter{actions: everything, protocol: wire.ProtoMDS256K, raw: at(wire.CmdBodyEOB, join(large, frame(wire.RepAccept, "")))}
	out, err := f.dial(t, mta.Config{Offer: offer}).Send(context.Background(), letter())
	require.NoError(t, err)
	assert.Len(t, out.Modifications, 1)
}

// MaxEdits counts the bytes of every kind of modification.
func TestMaxEdits(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1000)
	for _, r := range []wire.Reply{
		&wire.ReplaceBody{Chunk: []byte(text)},
		&wire.AddHeader{Name: "X", Value: text}, &wire.InsertHeader{Name: "X", Value: text}, &wire.ChangeHeader{Name: "X", Value: text},
		&wire.AddRcpt{Recipient: text}, &wire.AddRcptPar{Recipient: "<a@b>", Args: text}, &wire.DelRcpt{Recipient: text},
		&wire.ChangeFrom{Sender: "<a@b>", Args: text}, &wire.Quarantine{Reason: text},
	} {
		t.Run(r.ReplyCode().String(), func(t *testing.T) {
			t.Parallel()
			f := &filter{actions: everything, on: answer(wire.CmdBodyEOB, slices.Repeat([]wire.Reply{r}, 100)...)}
			_, err := f.dial(t, mta.Config{MaxEdits: 50_000}).Send(context.Background(), letter())
			var broken *wire.ProtocolError
			require.ErrorAs(t, err, &broken)
			assert.Contains(t, broken.Reason, "more modifications than the 50000 bytes of MaxEdits")
		})
	}
}

func TestBeforeNegotiation(t *testing.T) {
	t.Parallel()
	c := new(filter).dial(t, mta.Config{})
	_, err := c.Helo(context.Background(), "x")
	require.ErrorIs(t, err, mta.ErrNotNegotiated)
	_, err = c.Header(context.Background(), "a", "b")
	require.ErrorIs(t, err, mta.ErrNotNegotiated)
	require.ErrorIs(t, c.Abort(), mta.ErrNotNegotiated)
	require.ErrorIs(t, c.Macros(wire.CmdHelo, nil), mta.ErrNotNegotiated)
	require.NoError(t, c.Negotiate(context.Background()), "it can still be done")
}

// A value that cannot be encoded does not break the connection.
func TestValueWithNUL(t *testing.T) {
	t.Parallel()
	c := new(filter).negotiated(t, mta.Config{})
	_, err := c.Helo(context.Background(), "a\x00b")
	var value *wire.ValueError
	require.ErrorAs(t, err, &value)
	require.ErrorAs(t, c.Macros(wire.CmdHelo, []mta.Macro{{"i", "\x00"}}), &value)
	_, err = c.Helo(context.Background(), "ab")
	require.NoError(t, err)
}
