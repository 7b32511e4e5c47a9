package framework

import (
	"net"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// fallback replies to an MTA on behalf of a handler that hangs. It sends the filter's
// policy verdict, at the current command or at the next one that needs an answer. Then it
// closes the connection, because the state of the session is undefined.
type fallback struct {
	conn    net.Conn
	dec     *wire.Decoder
	timeout time.Duration
	nego    negotiated
	verdict Verdict
}

// newFallback returns a fallback for the connection of a session.
func newFallback(conn net.Conn, nego negotiated, timeout time.Duration, verdict Verdict) *fallback {
	dec := wire.NewDecoder(new(wire.BufferPool), nego.limit)
	return &fallback{conn: conn, dec: dec, timeout: timeout, nego: nego, verdict: verdict}
}

// serve replies at the stage at which the MTA waits, and at later stages until a reply is
// final for the message.
func (f *fallback) serve(due Stage) {
	defer func() { _ = f.conn.Close() }()
	_ = f.conn.SetDeadline(time.Now().Add(f.timeout))
	for stage, ok := due, true; ok; stage, ok = f.next() {
		if !f.nego.silent[stage] && !f.reply(stage) {
			return
		}
	}
}

// reply replies to an MTA that waits, and reports whether the message needs more replies.
func (f *fallback) reply(stage Stage) bool {
	v := f.verdict
	if stage == StageUnknown && !v.Refuses() {
		v = Continue
	}
	_, err := f.conn.Write(v.encode(nil))
	return err == nil && (stage == StageUnknown || stage == StageRcpt && v.Refuses())
}

// next returns the stage of the next command, or false if the message or the session has
// ended.
func (f *fallback) next() (Stage, bool) {
	for {
		frame, ok, err := f.dec.Next()
		if err != nil {
			return 0, false
		}
		if !ok {
			if _, err := f.dec.Fill(f.conn); err != nil {
				return 0, false
			}
			continue
		}
		if stage, ok := stageOf(wire.CommandCode(frame.Code)); ok {
			return stage, stage != StageAbort && stage != StageClose
		}
	}
}
