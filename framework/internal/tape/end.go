package tape

import (
	"encoding/binary"
	"fmt"
)

// End is how a message ended. It is the last entry of a record.
type End struct {
	Failed, Cut, Aborted bool
	State, Stage         byte
	Decision
	Filter, Quarantine   string
	Number, Began, Ended uint64
	Filters              []FilterEnd
}

// FilterEnd is what one filter did in a message.
type FilterEnd struct {
	Called, Failed bool
	Edited         bool   // its modifications were applied
	Work           uint64 // how long it worked, in nanoseconds
}

// End writes the last entry of a record. Its last bytes have fixed places, so that LastEnd finds it
// and Figures need not decode it: for each filter its flags and how long it worked, then their
// number, the state, and the length of the entry.
func (w *Writer) End(e *End) {
	at := w.begin(KindEnd)
	w.byte(flag(e.Failed, 0) | flag(w.cut, 1) | flag(e.Aborted, 2))
	w.byte(e.Stage)
	w.decision(&e.Decision)
	w.text(short(e.Filter))
	w.text(short(e.Quarantine))
	w.buf = binary.BigEndian.AppendUint64(w.buf, e.Number)
	w.buf = binary.BigEndian.AppendUint64(w.buf, e.Began)
	w.buf = binary.BigEndian.AppendUint64(w.buf, e.Ended)
	for i := range e.Filters {
		f := &e.Filters[i]
		w.byte(flag(f.Called, 0) | flag(f.Failed, 1) | flag(f.Edited, 2))
		w.buf = binary.BigEndian.AppendUint64(w.buf, f.Work)
	}
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(len(e.Filters))) //nolint:gosec // at most MaxFilters
	w.byte(e.State)
	size := len(w.buf) - at + 4
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(size)) //nolint:gosec // a few bytes
	w.end(at)
}

// End reads an entry of KindEnd. It appends the filters to those of e, so that their
// memory can be reused.
func (r *Reader) End(e *End) {
	tail, ok := figuresOf(r.payload)
	if !ok {
		r.fail("the end is too short")
		return
	}
	r.payload = r.payload[:len(r.payload)-len(tail.filters)-tailLen]
	flags := r.byte()
	e.Failed, e.Cut, e.Aborted = flags&1 != 0, flags&2 != 0, flags&4 != 0
	e.Stage, e.Decision = r.byte(), r.decision()
	e.Filter, e.Quarantine = r.text(), r.text()
	e.Number, e.Began, e.Ended = r.time(), r.time(), r.time()
	e.State = tail.State
	for i := range tail.Filters() {
		f := tail.Filter(i)
		if f.Work > maxTime {
			r.fail("a time is too large")
			return
		}
		e.Filters = append(e.Filters, f)
	}
	if len(r.payload) > 0 {
		r.fail("the end has a wrong length")
	}
}

// Figures are the part of an End that can be read without the rest.
type Figures struct {
	State   byte
	filters []byte
}

// The lengths of what an End has of a filter, and of what follows the filters.
const (
	filterLen = 1 + 8
	tailLen   = 2 + 1 + 4
)

// LastFigures reads the figures at the end of a record that this process wrote.
func LastFigures(rec []byte) (Figures, bool) { return figuresOf(rec) }

func figuresOf(b []byte) (Figures, bool) {
	if len(b) < tailLen {
		return Figures{}, false
	}
	tail := b[len(b)-tailLen:]
	n, before := int(binary.BigEndian.Uint16(tail))*filterLen, b[:len(b)-tailLen]
	if n > len(before) || n > MaxFilters*filterLen {
		return Figures{}, false
	}
	return Figures{State: tail[2], filters: before[len(before)-n:]}, true
}

// Filters returns the number of filters.
func (f *Figures) Filters() int { return len(f.filters) / filterLen }

// Filter returns what the i-th filter did.
func (f *Figures) Filter(i int) FilterEnd {
	b := f.filters[i*filterLen:][:filterLen]
	return FilterEnd{
		Called: b[0]&1 != 0, Failed: b[0]&2 != 0, Edited: b[0]&4 != 0, Work: binary.BigEndian.Uint64(b[1:]),
	}
}

// LastEnd reads the end of a record without the rest.
func LastEnd(rec []byte, e *End) error {
	if len(rec) < 4 {
		return fmt.Errorf("%w: it is too short", ErrMalformed)
	}
	size := uint64(binary.BigEndian.Uint32(rec[len(rec)-4:]))
	if size > uint64(len(rec)) || size < headerLen {
		return fmt.Errorf("%w: the end has a wrong length", ErrMalformed)
	}
	r := NewReader(rec[uint64(len(rec))-size:])
	if !r.Next() || r.Kind() != KindEnd || len(r.rest) > 0 {
		r.fail("there is no end")
		return r.err
	}
	r.End(e)
	return r.err
}
