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
	between bool // no message is open: the verdict is about the next one
}

// newFallback returns a fallback for the connection of a session.
func newFallback(conn net.Conn, nego negotiated, timeout time.Duration, verdict Verdict) *fallback {
	dec := wire.NewDecoder(new(wire.BufferPool), nego.limit)
	return &fallback{conn: conn, dec: dec, timeout: timeout, nego: nego, verdict: verdict}
}

// serve replies at the stage at which the MTA waits, and at later stages until a reply is
// final for the message.
func (f *fallback) serve(due Stage) {
	defer f.close()
	_ = f.conn.SetDeadline(time.Now().Add(f.timeout))
	f.between = due == StageAbort
	for stage, ok := due, true; ok; stage, ok = f.next() {
		if !f.nego.silent[stage] && !f.reply(stage) {
			return
		}
	}
}

// close closes the connection. That is also the answer to an offer: no session of the
// filters can begin any more, so that nothing can be negotiated.
func (f *fallback) close() { _ = f.conn.Close() }

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
// ended, or if the MTA makes an offer.
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
		code := wire.CommandCode(frame.Code)
		if code == wire.CmdOptNeg {
			return 0, false
		}
		stage, ok := stageOf(code)
		if !ok || stage == StageAbort && f.between { // Postfix sends an ABORT after each message
			continue
		}
		f.between = false
		return stage, stage != StageAbort && stage != StageClose
	}
}
