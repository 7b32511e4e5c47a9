package remote_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// FuzzMilter answers the end of a message with any bytes. The message is refused, or it is
// delivered with edits that a mail server takes.
func FuzzMilter(f *testing.F) {
	for _, r := range []wire.Reply{
		&wire.InsertHeader{Index: 2, Name: "X", Value: "a\nb"}, &wire.ChangeHeader{Index: 9, Name: "To", Value: "x"},
		&wire.AddHeader{Name: "X Y", Value: "\x01"}, &wire.ReplaceBody{Chunk: []byte("a\rb")}, &wire.AddRcpt{Recipient: "<>"},
		&wire.ChangeFrom{Sender: "<a@b>", Args: "RET=FULL"}, &wire.Quarantine{Reason: ""}, &wire.SMTPReply{Text: "550 5.7.1 no"},
	} {
		if frame, err := r.Encode(nil); err == nil {
			f.Add(append(frame, bare(wire.RepContinue)...))
			f.Add(frame)
		}
	}
	f.Add(bare(wire.RepProgress))
	everything := remote.Everything()
	f.Fuzz(func(t *testing.T, answer []byte) {
		p := &puppet{answer: everything, reply: func(f wire.Frame) ([]byte, bool) {
			if wire.CommandCode(f.Code) == wire.CmdBodyEOB {
				return answer, false
			}
			return bare(wire.RepContinue), true
		}}
		dial := func(context.Context, string, string) (net.Conn, error) {
			near, far := miltertest.Pipe()
			go func() {
				defer func() { _ = far.Close() }()
				p.serve(far)
			}()
			return near, nil
		}
		filter := lane(t, remote.Config{Wishes: &everything, Dial: dial, MaxEdits: 1 << 20, ContentTimeout: time.Minute}, "inet:1@127.0.0.1")
		msg := letter()
		msg.Recipients = append(msg.Recipients, mta.Recipient{Addr: "<carol@example.net>"})
		res := miltertest.Run(t, filter, msg)
		if res.Edited == nil {
			assert.True(t, res.Verdict.Refuses() || res.Verdict.Code == wire.RepDiscard)
		}
	})
}

// FuzzStates answers any command, the negotiation too, with any bytes. No message passes
// without the milter's mark, unless the milter accepts it. An answer to SMFIC_ABORT, which has
// none, may be taken for that to the next command: here, no socket shows that it is too early.
func FuzzStates(f *testing.F) {
	states := append(commands(), wire.CmdOptNeg)
	replies := [][]byte{
		nil, bare(wire.RepContinue), bare(wire.RepAccept), bare(wire.RepDiscard), bare(wire.RepSkip), bare(wire.RepProgress), bare('!'),
		append(bare(wire.RepContinue), bare(wire.RepContinue)...), append(bare(wire.RepProgress), bare(wire.RepReject)...),
		wire.AppendFrame(nil, wire.Frame{Code: byte(wire.RepReplyCode), Data: []byte("550 5.7.1 no\x00")}),
		wire.AppendFrame(nil, wire.Frame{Code: byte(wire.RepDelRcpt), Data: []byte("<bob@example.net>\x00")}),
	}
	everything := remote.Everything()
	if negotiated, err := everything.Encode(nil); err == nil {
		replies = append(replies, negotiated, negotiated[:7])
	}
	for state := range states {
		for _, reply := range replies {
			f.Add(byte(state), reply, true)
			f.Add(byte(state), reply, false)
		}
	}
	f.Fuzz(func(t *testing.T, state byte, answer []byte, goesOn bool) {
		at, broken := states[int(state)%len(states)], new(atomic.Bool)
		broken.Store(true)
		odd := func() ([]byte, bool) { return answer, goesOn }
		p := faulty(t, at, broken, odd)
		if at == wire.CmdOptNeg {
			p.offered = odd
		}
		wishes := wire.Negotiate{Version: wire.MaxVersion, Actions: wire.ActionAddHdrs}
		const patience = 20 * time.Millisecond
		filter := lane(t, remote.Config{Wishes: &wishes, Dial: p.dial, DialTimeout: patience, CommandTimeout: patience, ContentTimeout: patience}, "inet:1@127.0.0.1")
		got := walk(t, miltertest.NewServer(t, filter).Dial(t))
		if got.answer.Code == wire.RepContinue && at != wire.CmdBodyEOB && at != wire.CmdAbort {
			assert.Equal(t, 1, got.marks)
		}
	})
}
