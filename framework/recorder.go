package framework

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/wire"
)

// Recorder receives what happened in each message of a server: see Config.Recorder. Package
// inspect has one. Its methods may be called by several goroutines at the same time.
type Recorder interface {
	// RecordLimits returns how much to record. NewServer calls it once.
	RecordLimits() RecordLimits
	// Record receives the recording of a message that has ended, or of an SMTP session
	// that ended without a message. rec and its bytes are valid during the call. The
	// session waits for Record before it handles the MTA's next command, so Record must
	// not wait for a disk or a lock that is held for long.
	Record(rec *Recording)
}

// RecordLimits says how much is recorded of each message.
type RecordLimits struct {
	// Bytes is the size up to which a message is recorded. Larger content is cut, and the
	// recording says so. NewServer returns an error if it is less than 32 KiB or more than
	// 128 MiB.
	Bytes int
	// Open limits the memory for the recordings of all open messages of the server
	// together, beyond 64 KiB for each. If it is used up, content is cut. Zero means 32 MiB.
	Open int64
	// Header and Body say whether the content is recorded.
	Header, Body bool
	// Complete asks MTAs for CONNECT, HELO, MAIL and RCPT, and for header fields if Header
	// is set, even if no filter needs them. Otherwise a record lacks what no filter asks
	// for. A stage is left out if the MTA would wait for its answer.
	Complete bool
}

// The values that RecordLimits.Bytes may have, the size to which any recording may grow, and
// the size to which a part of it may that is recorded apart.
const (
	leastRecord = 32 << 10
	mostRecord  = 128 << 20
	freeRecord  = 64 << 10
	leastPart   = 8 << 10
)

// part returns the size of what is recorded apart: the notes, and each part of the preamble.
func (l *RecordLimits) part() int { return min(max(l.Bytes/16, leastPart), freeRecord) }

// stages returns the bits of the stages that MTAs are to send though no filter needs them.
func (l *RecordLimits) stages() (bits wire.Protocol) {
	if !l.Complete {
		return 0
	}
	if bits = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt; l.Header {
		bits |= wire.ProtoNoHdrs
	}
	return bits
}

// check returns an error if a limit is invalid.
func (l *RecordLimits) check() error {
	switch {
	case l.Bytes < leastRecord || l.Bytes > mostRecord:
		return fmt.Errorf("framework: RecordLimits.Bytes is not between %d and %d: %d", leastRecord, mostRecord, l.Bytes)
	case l.Open < 0:
		return fmt.Errorf("framework: RecordLimits.Open is negative: %d", l.Open)
	}
	return nil
}

// Recording is what happened in one message, in the format that record.Decode reads.
type Recording struct {
	// Bytes is the recording.
	Bytes []byte
	// Refused reports whether the message, one of its recipients or the client was
	// refused, or the message was discarded or quarantined.
	Refused bool
	// Failed reports whether a filter failed, or was left out because of a limit.
	Failed bool
	// Working is how long the filters' handlers ran.
	Working time.Duration
	// Ended is when the filters had answered. Its clock is that by which the connection began.
	Ended time.Time
}

// RecordNote adds a note to the recording of the message or session whose context ctx is, or
// is derived from: see [Session.Context] and [AsyncValue.Start]. It tells that a filter
// did something besides, such as a DNS look-up. kind is a word such as dns, and text says
// what was done. The note has the time from began until now, and err, or nil. Long texts
// are cut, and the number of notes is bounded. Nothing happens if nothing records, or if
// the message is over. It may be called by any goroutine.
func RecordNote(ctx context.Context, kind, text string, began time.Time, err error) {
	source, ok := ctx.Value(noteKey{}).(*noteSource)
	if !ok {
		return
	}
	n := tape.Note{Filter: source.filter, Kind: kind, Text: text}
	if source.filter == noFilter {
		n.Filter = int(source.notes.of.running.Load())
	}
	if err != nil {
		n.Error = err.Error()
	}
	source.notes.add(&n, began)
}

// Recorded reports whether RecordNote adds a note to a recording, so that a caller can spare
// itself the work of its text.
func Recorded(ctx context.Context) bool {
	_, ok := ctx.Value(noteKey{}).(*noteSource)
	return ok
}

// noteKey is the key of the context value by which RecordNote finds the recording.
type noteKey struct{}

// noFilter stands for the index of a filter where none is known.
const noFilter = -1

// noteSource is that context value. filter is the index of the filter whose function runs
// beside the session. For contexts of handlers it is noFilter: any filter may have them.
type noteSource struct {
	notes  *notesTold
	filter int
}

// notesTold are the notes of one message, or of a session.
type notesTold struct {
	of   *recording // for what does not change
	mu   sync.Mutex
	tape tape.Writer
	over bool
}

// newNotesTold returns the notes of a message or session.
func newNotesTold(r *recording) *notesTold {
	return &notesTold{of: r, tape: tape.NewWriter(r.limits.part())}
}

// add adds a note that ends now.
func (t *notesTold) add(n *tape.Note, began time.Time) {
	now := t.of.since(time.Now())
	n.Began = min(t.of.since(began), now)
	n.Took = now - n.Began
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.tape.Note(n)
	}
}

// write writes the notes to the record. over ends them.
func (t *notesTold) write(over bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of.room(len(t.tape.Bytes()))
	t.of.rest.Append(&t.tape)
	t.over = t.over || over
}

// end makes add drop later notes.
func (t *notesTold) end() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}
