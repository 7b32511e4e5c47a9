package framework

import (
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/wire"
)

// recording writes what happens in a session for a Recorder. The methods do nothing if the
// recording is nil. Those that take the session, or a part of it, translate what happens there
// into values: see recordcalls.go and recordend.go.
type recording struct {
	to     Recorder
	limits RecordLimits
	tape   taping.Writer

	refused   refusedInRecord
	hung      int  // the index of the lane whose handler hangs, or taping.NoFilter
	detaching bool // the watchdog ends the record
	out       Recording
}

// refusedInRecord counts the refused recipients of a record, and has the last refusal.
type refusedInRecord struct {
	count   int
	verdict Verdict
	filter  string
}

// The stages that a record names have the same numbers here and there.
var (
	_ = [1]struct{}{}[byte(StageMail)-tape.StageMail]
	_ = [1]struct{}{}[byte(StageRcpt)-tape.StageRcpt]
	_ = [1]struct{}{}[byte(StageEndOfMessage)-tape.StageEndOfMessage]
	_ = [1]struct{}{}[byte(StageUnknown)-tape.StageUnknown]
)

// off reports whether nothing is to be written any more.
func (r *recording) off() bool { return r == nil || r.tape.Off() }

// commands notes a command of the MTA, which is written when the session has decided
// whether it ends the open message: see write.
func (r *recording) commands(conn *transport.Conn, f wire.Frame) {
	if r != nil {
		r.tape.Command(f, conn.Reads())
	}
}

// write writes the command that commands noted, unless it is written.
func (r *recording) write() {
	if r != nil {
		r.tape.Write()
	}
}

// again notes that the command is macros that the session has already.
func (r *recording) again() {
	if r != nil {
		r.tape.Again()
	}
}

// skip drops the command if it is about a message that is over.
func (r *recording) skip() {
	if r != nil {
		r.tape.Skip()
	}
}

// replies writes frames that are sent to the MTA.
func (r *recording) replies(frames []byte) {
	if r != nil {
		r.tape.Replies(frames)
	}
}

// progress writes that the filter works on. The watchdog calls it.
func (r *recording) progress() {
	if r != nil {
		r.tape.Progress()
	}
}

// reply writes a reply without data.
func (r *recording) reply(code byte) {
	if r != nil {
		r.tape.Reply(code)
	}
}

// onlyRecorded writes for which stages the MTA sends events though no filter needs them.
func (r *recording) onlyRecorded(declined wire.Protocol) {
	if r != nil {
		r.tape.OnlyRecorded(declined)
	}
}

// newBody writes the frames of a new body without its data, which applied writes.
func (r *recording) newBody(size int64) {
	if r != nil {
		r.tape.NewBody(size)
	}
}

// called notes that handlers have returned.
func (r *recording) called() {
	if r != nil {
		r.tape.Called()
	}
}

// decisionOf returns a verdict as records have it.
func decisionOf(v Verdict) tape.Decision {
	d := tape.Decision{Kind: byte(v.kind)}
	if v.kind == kindReply {
		d.Code, d.Text = v.reply.Code(), v.reply.Text
	}
	return d
}

// stateOfVerdict returns the state of a message whose last verdict was v.
func stateOfVerdict(v Verdict) byte {
	switch v.kind {
	case kindReject:
		return tape.StateRejected
	case kindTempFail:
		return tape.StateDeferred
	case kindReply:
		if v.Code() < 500 {
			return tape.StateDeferred
		}
		return tape.StateRejected
	case kindDiscard:
		return tape.StateDiscarded
	default:
		return tape.StateAccepted
	}
}
