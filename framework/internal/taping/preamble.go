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

// greeting is the part of the preamble that has CONNECT or HELO. The command replaces the last
// one, so that macros, which come before it, wait until then. If the MTA does not send the
// command, the macros alone are the part.
type greeting struct{ last, next tape.Writer }

// current returns what the preamble has.
func (g *greeting) current() *tape.Writer {
	if len(g.last.Bytes()) == 0 {
		return &g.next
	}
	return &g.last
}

func (g *greeting) reset() {
	g.last.Reset(nil)
	g.next.Reset(nil)
}

// choosePart decides to which part of the record a command belongs. Macros belong to the part
// of the command that they are for.
func (w *Writer) choosePart(code wire.CommandCode, data []byte) {
	if w.part != &w.rest {
		w.endBurst() // of the preamble
	}
	stage, macros := code, code == wire.CmdMacro && len(data) > 0
	if macros {
		stage = wire.CommandCode(data[0])
	}
	w.part = &w.rest
	switch stage { //nolint:exhaustive // the others do not begin a part
	case wire.CmdOptNeg:
		if !macros {
			w.beginNegotiation()
		}
	case wire.CmdConnect:
		w.greet(&w.connect, macros)
	case wire.CmdHelo:
		w.greet(&w.helo, macros)
	case wire.CmdMail:
		if macros || !w.announced {
			w.open = false // what came before belongs to no message
		}
		w.announced = macros
	case wire.CmdAbort:
		w.announced = false
	}
}

// greet begins the part for CONNECT or HELO, or for its macros. The command drops what came
// before it outside of a message, such as unknown commands: no record has that.
func (w *Writer) greet(g *greeting, macros bool) {
	if macros {
		g.next.Reset(nil)
		w.part = &g.next
	} else {
		g.last, g.next = g.next, g.last
		g.next.Reset(nil)
		w.part, w.open = &g.last, false
	}
	w.preamble = w.preamble[:0]
	if w.sessionAt == 0 {
		w.sessionAt = w.clock
		_ = w.cfg.ID() // made here, because a watchdog cannot make it later
	}
}

// beginNegotiation begins the part of the preamble that the connection keeps.
func (w *Writer) beginNegotiation() {
	w.part, w.preamble = &w.negotiation, w.preamble[:0]
	w.negotiation.Reset(nil)
	w.negotiation.SetLimit(w.cfg.part())
	for i := range w.lanes {
		w.negotiation.Filter(w.lanes[i].name, w.lanes[i].dryRun)
	}
	w.connect.reset()
	w.helo.reset()
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
	w.giveBack() // of a record that was dropped
	w.rest.SetLimit(min(w.cfg.Bytes, FreeBytes))
	w.rest.Reset(w.preamble)
	if len(w.preamble) == 0 {
		w.join()
	}
	w.open, w.began, w.repeats = true, w.clock, 0
	for i := range w.lanes {
		t := &w.lanes[i]
		t.before, t.work, t.failed = t.before+t.work, 0, false
	}
	return true
}

// join writes the preamble to the open record, and keeps it for the next one.
func (w *Writer) join() {
	w.id.Reset(nil)
	w.id.Session(&tape.Session{Epoch: w.notes.epoch.UnixNano(), ID: w.cfg.ID(), Peer: w.cfg.Peer})
	parts := [...]*tape.Writer{&w.id, &w.negotiation, w.connect.current(), w.helo.current()}
	size := 0
	for _, part := range parts {
		size += len(part.Bytes())
	}
	w.room(size)
	for _, part := range parts {
		w.rest.AppendBeginning(part)
	}
	if n := len(w.rest.Bytes()); n <= usualPreamble && !w.rest.Cut() {
		w.preamble = append(w.preamble, w.rest.Bytes()...)
	}
}

// usualPreamble is the size up to which a session keeps its preamble in one piece.
const usualPreamble = 4 << 10
