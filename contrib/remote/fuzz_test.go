package remote_test

import (
	"context"
	"net"
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
