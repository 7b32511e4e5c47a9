package framework

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// recording writes what happens in a session for a Recorder. A nil recording writes
// nothing.
//
// The session's goroutine uses it, but not while code of a filter runs: meanwhile the
// watchdog may use it. What must be written while such code runs goes to held.
type recording struct {
	to      Recorder
	limits  RecordLimits
	session *Session
	epoch   time.Time

	// The preamble is the beginning of each record of the session: what identifies the
	// session, the negotiation, CONNECT, and HELO. Each part replaces its last one.
	id, negotiation, connect, helo tape.Writer
	rest                           tape.Writer // of the open record
	part                           *tape.Writer
	held                           tape.Writer
	preamble                       []byte // the parts together, or empty if one has changed

	open      bool   // rest has more than the preamble
	recorded  bool   // the SMTP session has a record
	detaching bool   // the watchdog ends the record
	closed    bool   // nothing is recorded any more
	macros    bool   // the last command was the macros of part
	began     uint64 // the record
	sessionAt uint64 // the first command of the SMTP session
	clock     uint64 // the time that was read last
	fresh     bool   // no command came, and nothing was sent, since clock was read
	reads     uint64 // of the connection, when it was read
	command   wire.Frame
	pending   bool  // command is not written yet
	repeats   byte  // the command of the macros that rest had last, or 0 if they cannot be repeated
	anyFailed bool  // a lane failed
	taken     int64 // memory of the server's limit for open records

	notesMu                    sync.Mutex
	messageNotes, sessionNotes *notesTold  // made at their first use
	noted                      atomic.Bool // there have been any

	lanes   []laneTotals
	burst   burst
	running atomic.Int32 // the index of the lane of burst
	refused refusedInRecord
	hung    *laneState // whose handler hangs
	end     tape.End
	out     Recording
}

// laneTotals are the calls of one lane that are not written yet, and how long it worked in
// the record.
type laneTotals struct {
	call    tape.Call
	work    uint64
	before  uint64 // in the session, before the record
	edited  bool   // its edits are written
	applied bool   // and applied
}

// burst is one or more calls of the same lane at the same stage, between which the session
// did not wait. They are timed together, because reading the clock takes as long as many a
// handler.
type burst struct {
	lane  int // or noFilter
	stage Stage
	from  uint64
	count uint64
}

// refusedInRecord counts the refused recipients of a record, and has the last refusal.
type refusedInRecord struct {
	count   int
	verdict Verdict
	filter  string
}

// newRecording returns the recording of a session, or nil if nothing is to be recorded.
func newRecording(s *Session, to Recorder, limits RecordLimits) *recording {
	if to == nil {
		return nil
	}
	preamble := tape.NewWriter(limits.part())
	r := &recording{
		to: to, limits: limits, session: s, epoch: time.Now(),
		id: preamble, negotiation: preamble, connect: preamble, helo: preamble, held: preamble,
		rest: tape.NewWriter(limits.Bytes), lanes: make([]laneTotals, len(s.lanes.all)),
	}
	for i := range r.lanes {
		r.lanes[i].call.Filter = i
	}
	r.end.Filters = make([]tape.FilterEnd, len(r.lanes))
	r.burst.lane = noFilter
	r.running.Store(noFilter)
	r.part = &r.rest
	return r
}

// since returns a time as records have it. It is never zero.
func (r *recording) since(t time.Time) uint64 { return uint64(max(1, t.Sub(r.epoch))) }

// read reads the clock.
func (r *recording) read() { r.clock = uint64(max(1, time.Since(r.epoch))) } // cheaper than time.Now

// off reports whether nothing is to be written any more.
func (r *recording) off() bool { return r == nil || r.closed }

// waits is called before the session waits for the MTA.
func (r *recording) waits() {
	if !r.closed && r.burst.lane != noFilter {
		r.endBurst()
	}
}

// commands notes a command of the MTA, which is written when the session has decided
// whether it ends the open message: see write.
func (r *recording) commands(f wire.Frame) {
	if r != nil {
		r.noteCommand(f)
	}
}

func (r *recording) noteCommand(f wire.Frame) {
	if reads := r.session.conn.Reads(); reads != r.reads {
		r.reads = reads
		r.read()
	}
	r.command, r.pending, r.fresh = f, true, false
}

// write writes the command that commands noted, unless it is written. A command that ends
// the open message and begins something else belongs to the next record.
func (r *recording) write() {
	if r != nil && r.pending {
		r.writeCommand()
	}
}

func (r *recording) writeCommand() {
	r.pending = false
	if r.closed {
		return
	}
	code, data := r.command.Code, r.command.Data
	if !r.open || r.part != &r.rest || mayBegin(wire.CommandCode(code)) {
		r.choosePart(wire.CommandCode(code), data)
	}
	if r.part == &r.rest && !r.begin(code) {
		return
	}
	r.room(len(data))
	r.part.Time(r.clock)
	switch c := wire.CommandCode(code); {
	case c == wire.CmdHeader && !r.limits.Header,
		(c == wire.CmdBody || c == wire.CmdBodyEOB) && !r.limits.Body && len(data) > 0:
		r.part.CommandSize(code, wire.HeaderLen+len(data))
		return
	}
	r.part.Command(code, data)
	if wire.CommandCode(code) == wire.CmdMacro {
		r.repeats = 0
		if r.part == &r.rest && len(data) > 0 && !r.rest.Cut() {
			r.repeats = data[0]
		}
	}
}

// again notes that the command is macros that the session found to be those that it has. If
// the record has them last, too, it gets a mark, and otherwise the command.
func (r *recording) again() {
	if r == nil || !r.pending || r.closed || !r.open || r.part != &r.rest || r.repeats != r.command.Data[0] {
		return
	}
	r.pending = false
	r.rest.Time(r.clock)
	r.rest.Again()
}

// mayBegin reports whether a command can belong to another part of a record than the open
// one: of those that are sent many times, only macros can.
func mayBegin(code wire.CommandCode) bool {
	switch code { //nolint:exhaustive // the others can
	case wire.CmdHeader, wire.CmdBody, wire.CmdRcpt, wire.CmdData, wire.CmdEOH, wire.CmdBodyEOB:
		return false
	}
	return true
}

// choosePart decides to which part of the record a command belongs. One of the preamble
// replaces its part. Macros begin the part of the command after them.
func (r *recording) choosePart(code wire.CommandCode, data []byte) {
	followed := r.macros
	r.macros = false
	stage := code
	if code == wire.CmdMacro && len(data) > 0 {
		stage, r.macros = wire.CommandCode(data[0]), true
	}
	before := r.part
	if before != &r.rest {
		r.endBurst() // of the preamble
	}
	switch stage { //nolint:exhaustive // the others do not belong to the preamble
	case wire.CmdOptNeg:
		r.part = &r.negotiation
		r.writeNegotiation()
	case wire.CmdConnect:
		r.part = &r.connect
	case wire.CmdHelo:
		r.part = &r.helo
	case wire.CmdMail:
		if r.macros || !followed {
			r.open = false // what came before belongs to no message
		}
		r.part = &r.rest
		return
	default:
		r.part = &r.rest
		return
	}
	r.preamble = r.preamble[:0]
	if r.part == &r.negotiation {
		return
	}
	if !followed || before != r.part {
		r.part.Reset(nil)
	}
	if r.sessionAt == 0 {
		r.sessionAt = r.clock
		_ = r.session.ID() // made here, because the watchdog cannot make it later
	}
	if r.part == &r.connect {
		r.helo.Reset(nil)
	}
}

// writeNegotiation begins the part of the preamble that the connection keeps.
func (r *recording) writeNegotiation() {
	r.negotiation.Reset(nil)
	for i := range r.session.lanes.all {
		plan := r.session.lanes.all[i].plan
		r.negotiation.Filter(plan.name, plan.policy.dryRun)
	}
	r.negotiation.SetLimit(len(r.negotiation.Bytes()) + r.limits.part()) // for what follows
	r.connect.Reset(nil)
	r.helo.Reset(nil)
}

// onlyRecorded writes for which stages the MTA sends events though no filter needs them.
func (r *recording) onlyRecorded(declined wire.Protocol) {
	if !r.off() && declined != 0 {
		r.negotiation.OnlyRecorded(uint32(declined))
	}
}

// begin begins a record if none is open. It returns false if the command belongs to none:
// the MTA gives up a message that has ended already, or ends a session that has a record.
func (r *recording) begin(code byte) bool {
	if r.open {
		return true
	}
	switch wire.CommandCode(code) { //nolint:exhaustive // the others begin a record
	case wire.CmdAbort:
		return false
	case wire.CmdQuit, wire.CmdQuitNC:
		if r.recorded {
			return false
		}
	}
	r.rest.SetLimit(min(r.limits.Bytes, freeRecord))
	r.rest.Reset(r.preamble)
	if len(r.preamble) == 0 {
		r.join()
	}
	r.open, r.began, r.repeats = true, r.clock, 0
	for i := range r.lanes {
		t := &r.lanes[i]
		t.before, t.work = t.before+t.work, 0
	}
	return true
}

// join writes the preamble to the open record, and keeps it for the next one.
func (r *recording) join() {
	r.id.Reset(nil)
	r.id.Session(&tape.Session{Epoch: r.epoch.UnixNano(), ID: r.session.ID(), Peer: r.session.log.peer})
	for _, part := range []*tape.Writer{&r.id, &r.negotiation, &r.connect, &r.helo} {
		r.rest.Append(part)
	}
	if n := len(r.rest.Bytes()); n <= usualPreamble && !r.rest.Cut() {
		r.preamble = append(r.preamble, r.rest.Bytes()...)
	}
}

// usualPreamble is the size up to which a session keeps its preamble in one piece.
const usualPreamble = 4 << 10

// replies writes frames that are sent to the MTA.
func (r *recording) replies(frames []byte) {
	if r.off() {
		return
	}
	r.write()
	r.answers()
	if r.misses() {
		return
	}
	r.part.Time(r.clock)
	for len(frames) >= wire.HeaderLen {
		size := 4 + int(binary.BigEndian.Uint32(frames))
		if size < wire.HeaderLen || size > len(frames) {
			return
		}
		code, data := frames[4], frames[wire.HeaderLen:size]
		frames = frames[size:]
		if !r.limits.Header && isHeaderEdit(wire.ReplyCode(code)) {
			r.part.ReplySize(code, size)
			continue
		}
		r.room(len(data))
		r.part.Reply(code, data)
	}
}

// answers is called before an answer. At the end of the message the filters have done their
// work then: sending is not a part of it.
func (r *recording) answers() {
	if r.burst.lane != noFilter && r.burst.stage == StageEndOfMessage {
		r.endBurst()
	}
}

// isHeaderEdit reports whether a reply carries a header field.
func isHeaderEdit(code wire.ReplyCode) bool {
	return code == wire.RepAddHeader || code == wire.RepInsHeader || code == wire.RepChgHeader
}

// reply writes a reply without data.
func (r *recording) reply(code byte) {
	if r.off() {
		return
	}
	if r.write(); wire.ReplyCode(code) != wire.RepProgress { // else the filter works on
		r.answers()
	}
	if !r.misses() {
		r.part.Time(r.clock)
		r.part.Reply(code, nil)
	}
}

// newBody writes the frames of a new body without its data, which applied writes.
func (r *recording) newBody(size int64) {
	if r.off() || r.misses() {
		return
	}
	r.fresh = false
	r.part.Time(r.clock)
	for first := true; first || size > 0; first = false {
		n := min(size, wire.MaxBodyChunk)
		size -= n
		r.part.ReplySize(byte(wire.RepReplBody), wire.HeaderLen+int(n))
	}
}

// misses reports whether what happens now belongs to no record.
func (r *recording) misses() bool { return r.part == &r.rest && !r.open }

// skip drops the command if no record is open: it is about a message that is over.
func (r *recording) skip() {
	if !r.off() {
		if r.repeats = 0; !r.open { // the session may not keep the macros
			r.pending, r.part = false, &r.rest
		}
	}
}

// room makes room for n more bytes in the open record, if the limits allow that. Otherwise
// the writer leaves content out.
func (r *recording) room(n int) {
	if !r.rest.HasRoom(n) {
		r.grow(n)
	}
}

func (r *recording) grow(n int) {
	limit := r.rest.Limit()
	needed := (len(r.rest.Bytes())+n)/3*4 + 4<<10
	if needed <= limit || limit >= r.limits.Bytes {
		return
	}
	more := min(max(2*limit, needed), r.limits.Bytes) - limit
	if r.session.shared.recordings.Take(int64(more)) {
		r.taken += int64(more)
		r.rest.SetLimit(limit + more)
	}
}
