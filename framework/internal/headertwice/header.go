package headertwice

import (
	"bytes"
	"hash/maphash"
	"unicode/utf8"
)

// FieldCost is the memory in bytes that a field takes.
const FieldCost = 24

// Header recognises the header of one message. It keeps a checksum of each field, and the
// beginning of the body until it has seen the end of the header there. The zero value is
// ready to use.
type Header struct {
	seed     maphash.Seed
	fields   []field
	held     []byte
	at       int // where the first item begins in held that is not known yet
	matched  int // the number of fields that held has before
	done     bool
	doubtful bool
}

// field is a field that came by itself.
type field struct {
	name, value uint64
	nameless    bool // the name came empty
	empty       bool // the value came empty
}

// Field records a field. An empty name or value stands for any that is not UTF-8, because
// Stalwart sends such a field without it.
func (h *Header) Field(name, value []byte) {
	if h.seed == (maphash.Seed{}) {
		h.seed = maphash.MakeSeed()
	}
	f := h.field(name, value)
	f.nameless, f.empty = len(name) == 0, len(value) == 0
	h.fields = append(h.fields, f)
}

// field returns the checksums. Case matters, line ends and outer white space do not.
func (h *Header) field(name, value []byte) field {
	value = bytes.ReplaceAll(value, []byte("\r"), nil)
	return field{name: maphash.Bytes(h.seed, bytes.TrimSpace(name)), value: maphash.Bytes(h.seed, bytes.TrimSpace(value))}
}

// Done reports whether it is decided where the body begins.
func (h *Header) Done() bool { return h.done }

// Held returns the number of bytes that are kept until that is decided.
func (h *Header) Held() int { return len(h.held) }

// Doubtful reports whether the MTA may deliver another body than [Header.Cut] and
// [Header.GiveUp] returned: a part of the header came again, and then something other than the
// rest of it. It is false until Done.
func (h *Header) Doubtful() bool { return h.doubtful }

// Cut takes a chunk of what the MTA sends as the body, and returns what of that and of
// earlier chunks belongs to the body: nothing until the end of the header has come. If
// what came is not the header, it returns all of it, and cut is false. If the header ends with
// a line that is no field, the body begins with that line, as behind other MTAs, because the
// line was not shown before. last says that no chunk follows. The result may be part of the
// chunk.
func (h *Header) Cut(chunk []byte, last bool) (body []byte, cut bool) {
	if h.done {
		return chunk, false
	}
	h.held = append(h.held, chunk...)
	for {
		switch what, size := firstItem(h.held[h.at:], last); what {
		case isField:
			if !h.matchesNext(h.held[h.at : h.at+size]) {
				return h.GiveUp(), false
			}
			h.at += size
			h.matched++
		case isEnd:
			return h.end(size)
		default:
			if !last {
				return nil, false
			}
			return h.end(0)
		}
	}
}

// end decides whether what came is the header. size is that of the line that ended it, or 0 if
// the text ended without such a line.
func (h *Header) end(size int) (body []byte, cut bool) {
	line, at := h.held[h.at:h.at+size], h.at
	empty := len(bytes.TrimRight(line, "\r\n")) == 0
	if h.matched < len(h.fields) || len(h.fields) == 0 && !empty { // without fields, any line would do
		return h.GiveUp(), false
	}
	h.doubtful = !empty
	if empty {
		at += size
	}
	return h.release()[at:], true
}

// GiveUp decides that what came is not the header, and returns it.
func (h *Header) GiveUp() []byte {
	h.doubtful = h.matched > 0
	return h.release()
}

func (h *Header) release() []byte {
	all := h.held
	h.fields, h.held, h.done = nil, nil, true
	return all
}

// Reset prepares for another message.
func (h *Header) Reset() { *h = Header{seed: h.seed, fields: h.fields[:0]} }

// matchesNext reports whether a text is the field that came after those that matched. What is
// cut off was shown before, but for names and values that are not UTF-8.
func (h *Header) matchesNext(text []byte) bool {
	if h.matched == len(h.fields) {
		return false
	}
	want := h.fields[h.matched]
	name, value, _ := bytes.Cut(text, []byte(":"))
	got := h.field(name, value)
	return (got.name == want.name || want.nameless && !utf8.Valid(name)) &&
		(got.value == want.value || want.empty && !utf8.Valid(value))
}
