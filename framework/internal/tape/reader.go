package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrMalformed reports bytes that are no record.
var ErrMalformed = errors.New("malformed record")

// Reader reads the entries of one record. It does not copy: what its methods return is
// valid as long as the record.
type Reader struct {
	rest    []byte
	kind    Kind
	payload []byte
	err     error
}

// NewReader returns a reader of a record.
func NewReader(rec []byte) Reader { return Reader{rest: rec} }

// Next goes on to the next entry. It returns false at the end and after an error.
func (r *Reader) Next() bool {
	if r.err != nil || len(r.rest) == 0 {
		return false
	}
	if Kind(r.rest[0]) == KindAgain {
		r.kind, r.payload, r.rest = KindAgain, nil, r.rest[1:]
		return true
	}
	if len(r.rest) < headerLen {
		r.fail("an entry is cut")
		return false
	}
	n := int(binary.BigEndian.Uint32(r.rest[1:]))
	if n > len(r.rest)-headerLen {
		r.fail("an entry is longer than the record")
		return false
	}
	r.kind, r.payload, r.rest = Kind(r.rest[0]), r.rest[headerLen:headerLen+n], r.rest[headerLen+n:]
	return true
}

// Kind returns the kind of the entry.
func (r *Reader) Kind() Kind { return r.kind }

// Payload returns the payload of the entry, as far as it was not read.
func (r *Reader) Payload() []byte { return r.payload }

// Err returns the first error, which wraps ErrMalformed.
func (r *Reader) Err() error { return r.err }

func (r *Reader) fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, why)
	}
}

func (r *Reader) byte() byte {
	if len(r.payload) == 0 {
		r.fail("an entry lacks a byte")
		return 0
	}
	b := r.payload[0]
	r.payload = r.payload[1:]
	return b
}

func (r *Reader) number() uint64 {
	if len(r.payload) > 0 && r.payload[0] < 0x80 { // most are small
		n := uint64(r.payload[0])
		r.payload = r.payload[1:]
		return n
	}
	n, size := binary.Uvarint(r.payload)
	if size <= 0 {
		r.fail("an entry lacks a number")
		return 0
	}
	r.payload = r.payload[size:]
	return n
}

// small reads a number that is at most most.
func (r *Reader) small(most uint64) int {
	n := r.number()
	if n > most {
		r.fail("a number is too large")
		return 0
	}
	return int(n) //nolint:gosec // bounded
}

// fixed reads a number of 4 bytes.
func (r *Reader) fixed() int {
	if len(r.payload) < 4 {
		r.fail("an entry lacks a number")
		return 0
	}
	n := binary.BigEndian.Uint32(r.payload)
	r.payload = r.payload[4:]
	return int(n)
}

// maxTime bounds times and durations, so that they fit into an int64.
const maxTime = 1 << 62

// maxLength bounds the lengths and counts in a record.
const maxLength = 1 << 40

func (r *Reader) bytes() []byte {
	n := r.number()
	if n > uint64(len(r.payload)) {
		r.fail("a text is longer than its entry")
		return nil
	}
	b := r.payload[:n]
	r.payload = r.payload[n:]
	return b
}

func (r *Reader) text() string { return string(r.bytes()) }

// MaxFilters is the number of filters that a record may have.
const MaxFilters = 1 << 12

func (r *Reader) filter() int        { return r.small(MaxFilters) }
func (r *Reader) filterOrNone() int  { return r.small(MaxFilters) - 1 }
func (r *Reader) flags() (b [8]bool) { return bits(r.byte()) }

func bits(n byte) (b [8]bool) {
	for i := range b {
		b[i] = n&(1<<i) != 0
	}
	return b
}

// Time reads an entry of KindTime.
func (r *Reader) Time() uint64 { return r.duration() }

// duration reads a time or a duration in nanoseconds, which fits into an int64.
func (r *Reader) duration() uint64 {
	n := r.number()
	if n > maxTime {
		r.fail("a time is too large")
		return 0
	}
	return n
}

// ID reads an entry of KindID.
func (r *Reader) ID() ID {
	id := ID{Time: r.duration(), Tag: uint16(r.small(1<<16 - 1))} //nolint:gosec // bounded
	id.Content, id.Kept, id.Shortened = r.byte(), r.byte(), r.byte() != 0
	return id
}

// Session reads an entry of KindSession.
func (r *Reader) Session() Session {
	return Session{Epoch: int64(r.duration()), ID: r.text(), Peer: r.text()} //nolint:gosec // bounded
}

// Filter reads an entry of KindFilter.
func (r *Reader) Filter() (name string, dryRun bool) {
	dryRun = r.flags()[0]
	return r.text(), dryRun
}

// OnlyRecorded reads an entry of KindOnly.
func (r *Reader) OnlyRecorded() uint32 { return uint32(r.small(1<<32 - 1)) } //nolint:gosec // bounded

// FilterName reads the name in an entry of KindFilter, without copying it.
func (r *Reader) FilterName() []byte {
	r.byte()
	return r.bytes()
}

// Frame reads an entry of KindCommand, KindCommandSize, KindReply or KindReplySize.
func (r *Reader) Frame() Frame {
	f := Frame{Code: r.byte()}
	if r.kind == KindCommandSize || r.kind == KindReplySize {
		f.Size = r.fixed()
		return f
	}
	if f.Data = slices.Clip(r.payload); f.Data == nil {
		f.Data = []byte{}
	}
	f.Size = frameHeader + len(f.Data)
	return f
}

// Call reads an entry of KindCall.
func (r *Reader) Call() Call {
	return Call{
		Filter: r.filter(), Stage: r.byte(),
		Count: r.duration(), Total: r.duration(), Longest: r.duration(),
	}
}

// Verdict reads an entry of KindVerdict.
func (r *Reader) Verdict() Verdict {
	v := Verdict{Filter: r.filterOrNone(), Stage: r.byte()}
	f := r.flags()
	v.Failed, v.DryRun = f[0], f[1]
	v.Decision = r.decision()
	return v
}

func (r *Reader) decision() Decision {
	return Decision{Kind: r.byte(), Code: r.small(999), Text: r.text()}
}

// Failure reads an entry of KindError.
func (r *Reader) Failure() Failure {
	return Failure{Filter: r.filterOrNone(), Stage: r.byte(), Text: r.text()}
}

// Edit reads an entry of KindEdit.
func (r *Reader) Edit() Edit {
	e := Edit{Filter: r.filter(), Kind: r.byte(), Place: r.byte()}
	f := r.flags()
	e.HasOld, e.WithValue = f[0], f[1]
	e.Above = r.small(maxLength)
	e.OldName, e.OldValue, e.Name, e.Value = r.text(), r.text(), r.text(), r.text()
	return e
}

// Field reads an entry of KindField.
func (r *Reader) Field() Field {
	return Field{Filter: r.filter(), Name: r.text(), Value: r.text()}
}

// Body reads an entry of KindBody.
func (r *Reader) Body() Body {
	return Body{Filter: r.filter(), Size: int64(r.small(maxLength)), Data: r.payload}
}

// Of reads an entry of KindApplied or KindMissing.
func (r *Reader) Of() int { return r.filter() }

// Attr reads an entry of KindAttr.
func (r *Reader) Attr() (key, value string) { return r.text(), r.text() }

// Note reads an entry of KindNote.
func (r *Reader) Note() Note {
	return Note{
		Began: r.duration(), Took: r.duration(), Filter: r.filterOrNone(),
		Kind: r.text(), Text: r.text(), Error: r.text(),
	}
}

// time reads a time of 8 bytes.
func (r *Reader) time() uint64 {
	if len(r.payload) < 8 {
		r.fail("an entry lacks a time")
		return 0
	}
	n := binary.BigEndian.Uint64(r.payload)
	r.payload = r.payload[8:]
	if n > maxTime {
		r.fail("a time is too large")
		return 0
	}
	return n
}
