package framework

import (
	"context"
	"time"

	"github.com/sluicemail/sluice/framework/internal/tape"
	"github.com/sluicemail/sluice/framework/internal/taping"
)

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
	if err != nil {
		n.Error = err.Error()
	}
	source.notes.Add(n, began)
}

// Recorded reports whether RecordNote adds a note to a recording, so that a caller can spare
// itself the work of its text.
func Recorded(ctx context.Context) bool {
	_, ok := ctx.Value(noteKey{}).(*noteSource)
	return ok
}

// noteKey is the key of the context value by which RecordNote finds the recording.
type noteKey struct{}

// noteSource is that context value. filter is the index of the filter whose function runs
// beside the session. For contexts of handlers it is taping.NoFilter: any filter may have them.
type noteSource struct {
	notes  *taping.NoteList
	filter int
}

// asyncNotes returns the value by which RecordNote finds the recording in a function that
// the running handler starts beside the session. It returns nil if nothing is recorded.
func asyncNotes(notes *taping.Notes, ofMessage bool) *noteSource {
	if notes == nil {
		return nil
	}
	return &noteSource{notes.Of(ofMessage), notes.Running()}
}
