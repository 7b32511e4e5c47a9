package tape

import (
	"encoding/binary"
	"slices"
)

// Writer writes the entries of one record into a slice that it reuses. What exceeds
// the limit is left out, and Cut reports that: first the data of frames and bodies, so
// that the rest of the record remains.
type Writer struct {
	buffer

	time uint64
}

// NewWriter returns a writer of records of at most limit bytes, the End not counted.
func NewWriter(limit int) (w Writer) {
	w.SetLimit(limit)
	return w
}

// Reset begins a new record, which starts with a copy of preamble.
func (w *Writer) Reset(preamble []byte) {
	w.buf, w.time, w.cut = append(w.buf[:0], preamble...), 0, false
}

// maxText bounds a text of an entry that is no content.
const maxText = 4 << 10

// short returns the beginning of a text of any length.
func short[T string | []byte](s T) T { return s[:min(len(s), maxText)] }

// Time writes the time of the entries that follow, unless it is the last one.
func (w *Writer) Time(t uint64) {
	if t != w.time {
		w.setTime(t)
	}
}

func (w *Writer) setTime(t uint64) {
	if !w.fits(binary.MaxVarintLen64, many) {
		return
	}
	w.time = t
	at := w.begin(KindTime)
	w.number(t)
	w.end(at)
}

// Command writes a frame of the MTA. If its data does not fit, the data is left out.
func (w *Writer) Command(code byte, data []byte) {
	if !w.frame(KindCommand, code, data) {
		w.CommandSize(code, frameHeader+len(data))
	}
}

// CommandSize writes a frame of the MTA of length size on the wire, without its data.
func (w *Writer) CommandSize(code byte, size int) { w.frameSize(KindCommandSize, code, size) }

// Reply writes a frame of the filters. If its data does not fit, the data is left out.
func (w *Writer) Reply(code byte, data []byte) {
	if !w.frame(KindReply, code, data) {
		w.ReplySize(code, frameHeader+len(data))
	}
}

// ReplySize writes a frame of the filters of length size on the wire, without its data.
func (w *Writer) ReplySize(code byte, size int) { w.frameSize(KindReplySize, code, size) }

// frameHeader is the length of a frame without its data.
const frameHeader = 5

// frame writes a frame if it fits. It is called most, so that it writes into memory that it
// has made room in once.
func (w *Writer) frame(k Kind, code byte, data []byte) bool {
	at := len(w.buf)
	end := at + headerLen + 1 + len(data)
	if end > w.content {
		w.cut = true
		return false
	}
	if end > cap(w.buf) {
		w.buf = slices.Grow(w.buf, end-at)
	}
	b := w.buf[:end]
	entry := b[at:]
	_ = entry[headerLen]
	entry[0] = byte(k)
	binary.BigEndian.PutUint32(entry[1:], uint32(1+len(data))) //nolint:gosec // bounded by the limit
	entry[headerLen] = code
	copy(entry[headerLen+1:], data)
	w.buf = b
	return true
}

func (w *Writer) frameSize(k Kind, code byte, size int) {
	if !w.fits(1+4, many) {
		return
	}
	w.buf = append(w.buf, byte(k), 0, 0, 0, 1+4, code)
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(size)) //nolint:gosec // a frame is below 4 GiB
}

// Again writes that the MTA sent again the macros that were written last.
func (w *Writer) Again() {
	if len(w.buf) >= w.content {
		w.cut = true
		return
	}
	w.buf = append(w.buf, byte(KindAgain))
}

// Session writes what identifies the session.
func (w *Writer) Session(s *Session) {
	at := w.begin(KindSession)
	w.number(uint64(s.Epoch)) //nolint:gosec // a time after 1970
	w.text(short(s.ID))
	w.text(short(s.Peer))
	w.end(at)
}

// Filter writes the name of a mounted filter. The filters are numbered from 0. The limit does
// not count: other entries of the record name filters by their numbers.
func (w *Writer) Filter(name string, dryRun bool) {
	at := w.begin(KindFilter)
	w.byte(flag(dryRun, 0))
	w.text(short(name))
	w.end(at)
	w.extend(len(w.buf) - at)
}

// OnlyRecorded writes the protocol bits of the stages that the MTA sends though no filter needs
// them.
func (w *Writer) OnlyRecorded(declined uint32) {
	if !w.fits(binary.MaxVarintLen32, few) {
		return
	}
	at := w.begin(KindOnly)
	w.number(uint64(declined))
	w.end(at)
}

// Call writes calls of a filter.
func (w *Writer) Call(c *Call) {
	if !w.fits(5*binary.MaxVarintLen64, few) {
		return
	}
	at := w.begin(KindCall)
	w.number(uint64(c.Filter)) //nolint:gosec // an index
	w.byte(c.Stage)
	w.number(c.Count)
	w.number(c.Total)
	w.number(c.Longest)
	w.end(at)
}

// Verdict writes a verdict of a filter.
func (w *Writer) Verdict(v *Verdict) {
	if !w.fits(4*binary.MaxVarintLen64+len(short(v.Text)), freeAt(v.Stage)) {
		return
	}
	at := w.begin(KindVerdict)
	w.number(uint64(v.Filter + 1)) //nolint:gosec // an index, or -1
	w.byte(v.Stage)
	w.byte(flag(v.Failed, 0) | flag(v.DryRun, 1))
	w.decision(&v.Decision)
	w.end(at)
}

func (w *Writer) decision(d *Decision) {
	w.byte(d.Kind)
	w.number(uint64(d.Code)) //nolint:gosec // an SMTP code
	w.text(short(d.Text))
}

// Failure writes an error of a filter.
func (w *Writer) Failure(f *Failure) {
	if !w.fits(3*binary.MaxVarintLen64+len(short(f.Text)), freeAt(f.Stage)) {
		return
	}
	at := w.begin(KindError)
	w.number(uint64(f.Filter + 1)) //nolint:gosec // an index, or -1
	w.byte(f.Stage)
	w.text(short(f.Text))
	w.end(at)
}

// Edit writes a modification that a filter asked for.
func (w *Writer) Edit(e *Edit) {
	size := len(e.OldName) + len(e.OldValue) + len(e.Name) + len(e.Value)
	if !w.fits(8*binary.MaxVarintLen64+size, many) {
		return
	}
	at := w.begin(KindEdit)
	w.number(uint64(e.Filter)) //nolint:gosec // an index
	w.byte(e.Kind)
	w.byte(e.Place)
	w.byte(flag(e.HasOld, 0) | flag(e.WithValue, 1))
	w.number(uint64(e.Above)) //nolint:gosec // not negative
	w.text(e.OldName)
	w.text(e.OldValue)
	w.text(e.Name)
	w.text(e.Value)
	w.end(at)
}

// Field writes a field of the header as a filter left it.
func (w *Writer) Field(filter int, name, value string) {
	if !w.fits(3*binary.MaxVarintLen64+len(name)+len(value), content) {
		return
	}
	at := w.begin(KindField)
	w.number(uint64(filter)) //nolint:gosec // an index
	w.text(name)
	w.text(value)
	w.end(at)
}

// Body begins the body as a filter left it and returns where to read n bytes of it into:
// all of it, less, or none. The body has size bytes.
func (w *Writer) Body(filter int, size int64, withData bool) []byte {
	const most = 2 * binary.MaxVarintLen64
	n := 0
	if withData {
		n = max(0, min(int(min(size, 1<<30)), w.content-len(w.buf)-headerLen-most))
		w.cut = w.cut || int64(n) < size
	}
	if !w.fits(most+n, many) {
		return nil
	}
	at := w.begin(KindBody)
	w.number(uint64(filter)) //nolint:gosec // an index
	w.number(uint64(size))   //nolint:gosec // a length
	from := len(w.buf)
	w.buf = slices.Grow(w.buf, n)[:from+n]
	w.end(at)
	return w.buf[from:]
}

// Of writes an entry of the kind KindApplied or KindMissing.
func (w *Writer) Of(k Kind, filter int) {
	if !w.fits(binary.MaxVarintLen64, few) {
		return
	}
	at := w.begin(k)
	w.number(uint64(filter)) //nolint:gosec // an index
	w.end(at)
}

// Attr writes an attribute.
func (w *Writer) Attr(key, value string) {
	if !w.fits(2*binary.MaxVarintLen64+len(short(key))+len(short(value)), few) {
		return
	}
	at := w.begin(KindAttr)
	w.text(short(key))
	w.text(short(value))
	w.end(at)
}

// Note writes a note.
func (w *Writer) Note(n *Note) {
	if !w.fits(6*binary.MaxVarintLen64+len(short(n.Kind))+len(short(n.Text))+len(short(n.Error)), few) {
		return
	}
	at := w.begin(KindNote)
	w.number(n.Began)
	w.number(n.Took)
	w.number(uint64(n.Filter + 1)) //nolint:gosec // an index, or -1
	w.text(short(n.Kind))
	w.text(short(n.Text))
	w.text(short(n.Error))
	w.end(at)
}

// AppendBeginning writes the entries of another Writer, with which the record begins, as many
// as fit like content, and takes over its Cut.
func (w *Writer) AppendBeginning(from *Writer) { w.append(from, content) }

// Append writes the entries of another Writer, as many as fit, and takes over its Cut.
func (w *Writer) Append(from *Writer) { w.append(from, many) }

func (w *Writer) append(from *Writer, free int) {
	w.cut = w.cut || from.cut
	entries := from.buf
	if len(entries) == 0 {
		return
	}
	w.time = 0 // they may set another one
	if len(w.buf)+len(entries) <= w.limit-free*w.eighth {
		w.buf = append(w.buf, entries...)
		return
	}
	for r := NewReader(entries); r.Next(); {
		n := len(entries) - len(r.rest)
		if r.kind == KindFilter { // see Filter
			w.extend(n)
		} else if !w.fits(len(r.payload), free) {
			return
		}
		w.buf = append(w.buf, entries[:n]...)
		entries = r.rest
	}
}

// flag returns a byte with the bit set if b is true.
func flag(b bool, bit uint) byte {
	if b {
		return 1 << bit
	}
	return 0
}
