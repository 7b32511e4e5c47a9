package taping

import (
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

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
func (w *Writer) choosePart(code wire.CommandCode, data []byte) {
	followed := w.macros
	w.macros = false
	stage := code
	if code == wire.CmdMacro && len(data) > 0 {
		stage, w.macros = wire.CommandCode(data[0]), true
	}
	before := w.part
	if before != &w.rest {
		w.endBurst() // of the preamble
	}
	switch stage { //nolint:exhaustive // the others do not belong to the preamble
	case wire.CmdOptNeg:
		w.part = &w.negotiation
		w.beginNegotiation()
	case wire.CmdConnect:
		w.part = &w.connect
	case wire.CmdHelo:
		w.part = &w.helo
	case wire.CmdMail:
		if w.macros || !followed {
			w.open = false // what came before belongs to no message
		}
		w.part = &w.rest
		return
	default:
		w.part = &w.rest
		return
	}
	w.preamble = w.preamble[:0]
	if w.part == &w.negotiation {
		return
	}
	if !followed || before != w.part {
		w.part.Reset(nil)
	}
	if w.sessionAt == 0 {
		w.sessionAt = w.clock
		_ = w.cfg.ID() // made here, because a watchdog cannot make it later
	}
	if w.part == &w.connect {
		w.helo.Reset(nil)
	}
}

// beginNegotiation begins the part of the preamble that the connection keeps.
func (w *Writer) beginNegotiation() {
	w.negotiation.Reset(nil)
	for i := range w.lanes {
		w.negotiation.Filter(w.lanes[i].name, w.lanes[i].dryRun)
	}
	w.negotiation.SetLimit(len(w.negotiation.Bytes()) + w.cfg.part()) // for what follows
	w.connect.Reset(nil)
	w.helo.Reset(nil)
}

// OnlyRecorded writes for which stages the MTA sends events though no filter needs them. Call
// it right after the reply to an offer.
func (w *Writer) OnlyRecorded(declined wire.Protocol) {
	if !w.closed && declined != 0 {
		w.negotiation.OnlyRecorded(uint32(declined))
	}
}

// begin begins a record if none is open. It returns false if the command belongs to none:
// the MTA gives up a message that has ended already, or ends a session that has a record.
func (w *Writer) begin(code byte) bool {
	if w.open {
		return true
	}
	switch wire.CommandCode(code) { //nolint:exhaustive // the others begin a record
	case wire.CmdAbort:
		return false
	case wire.CmdQuit, wire.CmdQuitNC:
		if w.recorded {
			return false
		}
	}
	w.rest.SetLimit(min(w.cfg.Bytes, FreeBytes))
	w.rest.Reset(w.preamble)
	if len(w.preamble) == 0 {
		w.join()
	}
	w.open, w.began, w.repeats = true, w.clock, 0
	for i := range w.lanes {
		t := &w.lanes[i]
		t.before, t.work = t.before+t.work, 0
	}
	return true
}

// join writes the preamble to the open record, and keeps it for the next one.
func (w *Writer) join() {
	w.id.Reset(nil)
	w.id.Session(&tape.Session{Epoch: w.notes.epoch.UnixNano(), ID: w.cfg.ID(), Peer: w.cfg.Peer})
	for _, part := range []*tape.Writer{&w.id, &w.negotiation, &w.connect, &w.helo} {
		w.rest.Append(part)
	}
	if n := len(w.rest.Bytes()); n <= usualPreamble && !w.rest.Cut() {
		w.preamble = append(w.preamble, w.rest.Bytes()...)
	}
}

// usualPreamble is the size up to which a session keeps its preamble in one piece.
const usualPreamble = 4 << 10
