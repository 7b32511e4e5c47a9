package taping

import (
	"encoding/binary"
	"time"

	"github.com/sluicemail/sluice/framework/internal/spool"
	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// Config is what a Writer needs to know of its session.
type Config struct {
	// Bytes is the size up to which a record grows.
	Bytes int
	// Header and Body say whether the content is recorded.
	Header, Body bool
	// Memory limits what the open records of a server take together, beyond FreeBytes each.
	Memory *spool.Budget
	// Peer is the MTA. ID returns the identifier of the SMTP session, which must not change
	// while one lasts.
	Peer string
	ID   func() string
	// Filters is the number of filters: see Writer.AddFilter.
	Filters int
}

// FreeBytes is the size to which any record may grow. A part that is recorded apart may have
// leastPart at least.
const (
	FreeBytes = 64 << 10
	leastPart = 8 << 10
)

// part returns the size of what is recorded apart: the notes, and each part of the preamble.
func (c *Config) part() int { return min(max(c.Bytes/16, leastPart), FreeBytes) }

// Writer writes the records of one session. The session's goroutine uses it, but not while code
// of a filter runs: meanwhile a watchdog may use it. What must be written while such code runs
// goes to Held.
type Writer struct {
	cfg   Config
	notes Notes
	lanes []lane

	// The preamble is the beginning of each record of the session: what identifies the
	// session, the negotiation, CONNECT, and HELO. Each part replaces its last one.
	id, negotiation tape.Writer
	connect, helo   greeting
	rest            tape.Writer // of the open record
	part            *tape.Writer
	held            tape.Writer
	preamble        []byte // the parts together, or empty if one has changed

	open      bool   // rest has more than the preamble
	recorded  bool   // the SMTP session has a record
	failed    bool   // code of no filter: the open record says why
	closed    bool   // nothing is recorded any more
	announced bool   // the open record has macros for the next MAIL
	began     uint64 // the record
	sessionAt uint64 // the first command of the SMTP session
	clock     uint64 // the time that was read last
	fresh     bool   // no command came, and nothing was sent, since clock was read
	reads     uint64 // of the connection, when it was read
	command   wire.Frame
	pending   bool  // command is not written yet
	repeats   byte  // the command of the macros that rest had last, or 0 if they cannot be repeated
	taken     int64 // of Config.Memory

	burst burst
	end   tape.End
}

// Init prepares the Writer for a session that begins now. A Writer must not be copied afterwards.
func (w *Writer) Init(cfg *Config) {
	preamble := tape.NewWriter(cfg.part())
	*w = Writer{
		cfg: *cfg, lanes: make([]lane, 0, cfg.Filters),
		id: preamble, negotiation: preamble, held: preamble,
		connect: greeting{preamble, preamble}, helo: greeting{preamble, preamble},
		rest: tape.NewWriter(cfg.Bytes), burst: burst{lane: NoFilter},
	}
	w.notes.epoch, w.notes.limit = time.Now(), cfg.part()
	w.notes.running.Store(NoFilter)
	w.end.Filters = make([]tape.FilterEnd, cfg.Filters)
	w.part = &w.rest
}

// AddFilter tells the name of the next filter. Filters are numbered from 0.
func (w *Writer) AddFilter(name string, dryRun bool) {
	w.lanes = append(w.lanes, lane{name: name, dryRun: dryRun, call: tape.Call{Filter: len(w.lanes)}})
}

// Notes returns the session's notes.
func (w *Writer) Notes() *Notes { return &w.notes }

// Off reports whether nothing is to be written any more.
func (w *Writer) Off() bool { return w.closed }

// Misses reports whether what happens now belongs to no record.
func (w *Writer) Misses() bool { return w.closed || w.part == &w.rest && !w.open }

// Close makes the Writer record nothing more.
func (w *Writer) Close() {
	w.closed = true
	w.giveBack()
}

// read reads the clock.
func (w *Writer) read() { w.clock = uint64(max(1, time.Since(w.notes.epoch))) } // cheaper than time.Now

// Command notes a command of the MTA. Write writes it, as soon as its user knows whether it ends
// the open message. reads is the number of reads from the connection so far: the clock is read
// once for all commands that came together.
func (w *Writer) Command(f wire.Frame, reads uint64) {
	if reads != w.reads {
		w.reads = reads
		w.read()
	}
	w.command, w.pending, w.fresh = f, true, false
}

// Write writes the command that Command noted, unless it is written. A command that ends the
// open message and begins something else belongs to the next record.
func (w *Writer) Write() {
	if w.pending {
		w.writeCommand()
	}
}

func (w *Writer) writeCommand() {
	w.pending = false
	if w.closed {
		return
	}
	code, data := w.command.Code, w.command.Data
	if !w.open || w.part != &w.rest || mayBegin(wire.CommandCode(code)) {
		w.choosePart(wire.CommandCode(code), data)
	}
	if w.part == &w.rest && !w.begin(code) {
		return
	}
	if w.part == &w.rest {
		w.room(len(data))
	}
	w.part.Time(w.clock)
	switch c := wire.CommandCode(code); {
	case c == wire.CmdHeader && !w.cfg.Header,
		(c == wire.CmdBody || c == wire.CmdBodyEOB) && !w.cfg.Body && len(data) > 0:
		w.part.CommandSize(code, wire.HeaderLen+len(data))
		return
	}
	w.part.Command(code, data)
	if wire.CommandCode(code) == wire.CmdMacro {
		w.repeats = 0
		if w.part == &w.rest && len(data) > 0 && !w.rest.Cut() {
			w.repeats = data[0]
		}
	}
}

// Again notes that the command is macros that the session found to be those that it has. If
// the record has them last, too, it gets a mark, and otherwise the command.
func (w *Writer) Again() {
	if !w.pending || w.closed || !w.open || w.part != &w.rest || w.repeats != w.command.Data[0] {
		return
	}
	w.pending = false
	w.rest.Time(w.clock)
	w.rest.Again()
}

// Skip drops the command if no record is open: it is about a message that is over.
func (w *Writer) Skip() {
	if w.closed {
		return
	}
	if w.repeats = 0; !w.open { // the session may not keep the macros
		w.pending, w.part = false, &w.rest
	}
}

// Replies writes frames that are sent to the MTA.
func (w *Writer) Replies(frames []byte) {
	if w.closed {
		return
	}
	w.Write()
	w.answers()
	if w.Misses() {
		return
	}
	w.part.Time(w.clock)
	for len(frames) >= wire.HeaderLen {
		size := 4 + int(binary.BigEndian.Uint32(frames))
		if size < wire.HeaderLen || size > len(frames) {
			return
		}
		code, data := frames[4], frames[wire.HeaderLen:size]
		frames = frames[size:]
		if !w.cfg.Header && isHeaderEdit(wire.ReplyCode(code)) {
			w.part.ReplySize(code, size)
			continue
		}
		if w.part == &w.rest {
			w.room(len(data))
		}
		w.part.Reply(code, data)
	}
}

// isHeaderEdit reports whether a reply carries a header field.
func isHeaderEdit(code wire.ReplyCode) bool {
	return code == wire.RepAddHeader || code == wire.RepInsHeader || code == wire.RepChgHeader
}

// Reply writes a reply without data.
func (w *Writer) Reply(code byte) {
	if w.closed {
		return
	}
	w.Write()
	w.answers()
	w.reply(code)
}

// Progress writes that a filter works on. A command that is not written yet belongs to the
// next record: the filter still works for the open one.
func (w *Writer) Progress() {
	if !w.closed {
		w.read()
		w.reply(byte(wire.RepProgress))
	}
}

func (w *Writer) reply(code byte) {
	if !w.Misses() {
		w.part.Time(w.clock)
		w.part.Reply(code, nil)
	}
}

// NewBody writes the frames of a new body without its data, which Body writes.
func (w *Writer) NewBody(size int64) {
	if w.Misses() {
		return
	}
	w.fresh = false
	w.part.Time(w.clock)
	for first := true; first || size > 0; first = false {
		n := min(size, wire.MaxBodyChunk)
		size -= n
		w.part.ReplySize(byte(wire.RepReplBody), wire.HeaderLen+int(n))
	}
}

// room makes room for n more bytes in the open record, if the limits allow that. Otherwise
// the tape leaves content out.
func (w *Writer) room(n int) {
	if !w.rest.HasRoom(n) {
		w.grow(n)
	}
}

func (w *Writer) grow(n int) {
	limit := w.rest.Limit()
	needed := (len(w.rest.Bytes())+n)/3*4 + 4<<10
	if needed <= limit || limit >= w.cfg.Bytes {
		return
	}
	more := min(max(2*limit, needed), w.cfg.Bytes) - limit
	if w.cfg.Memory.Take(int64(more)) {
		w.taken += int64(more)
		w.rest.SetLimit(limit + more)
	}
}

// giveBack gives back what the record took of the memory of all.
func (w *Writer) giveBack() {
	if w.taken > 0 {
		w.cfg.Memory.Give(w.taken)
		w.taken = 0
	}
}
