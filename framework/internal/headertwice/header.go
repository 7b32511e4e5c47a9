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
	seed   maphash.Seed
	fields []field
	held   []byte
	line   int // where the first line begins in held whose end has not come
	done   bool
}

// field is a field that came by itself.
type field struct {
	name, value uint64
	empty       bool // the value came empty
}

// Field records a field. An empty value stands for any that is not UTF-8, because Stalwart
// sends such a field without its value.
func (h *Header) Field(name, value []byte) {
	if h.seed == (maphash.Seed{}) {
		h.seed = maphash.MakeSeed()
	}
	f := h.field(name, value)
	f.empty = len(value) == 0
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

// Cut takes a chunk of what the MTA sends as the body, and returns what of that and of
// earlier chunks belongs to the body: nothing until the end of the header has come. If
// what came is not the header, it returns all of it, and cut is false. last says that no
// chunk follows. The result may be part of the chunk.
func (h *Header) Cut(chunk []byte, last bool) (body []byte, cut bool) {
	if h.done {
		return chunk, false
	}
	h.held = append(h.held, chunk...)
	end, found := h.end()
	if !found && !last {
		return nil, false
	}
	if h.matches(h.held[:end]) {
		return h.release()[end:], true
	}
	return h.release(), false
}

// GiveUp decides that what came is not the header, and returns it.
func (h *Header) GiveUp() []byte { return h.release() }

func (h *Header) release() []byte {
	all := h.held
	h.fields, h.held, h.done = nil, nil, true
	return all
}

// Reset prepares for another message.
func (h *Header) Reset() { h.fields, h.held, h.line, h.done = h.fields[:0], nil, 0, false }

// end returns the place behind the empty line that ends a header. Without one, it returns
// the end of what is held.
func (h *Header) end() (at int, found bool) {
	for {
		n := bytes.IndexByte(h.held[h.line:], '\n')
		if n < 0 {
			return len(h.held), false
		}
		line := h.held[h.line : h.line+n]
		h.line += n + 1
		if len(line) == 0 || string(line) == "\r" {
			return h.line, true
		}
	}
}

// matches reports whether a text is the header that came field by field. A line that is no
// field did not come, so a text with such a line is not: what is cut off was shown before.
func (h *Header) matches(text []byte) bool {
	rest := h.fields
	if len(rest) == 0 { // else any text up to an empty line would match
		return len(bytes.TrimRight(text, "\r\n")) == 0
	}
	for len(text) > 0 {
		var one []byte
		one, text = cutField(text)
		name, value, ok := bytes.Cut(one, []byte(":"))
		if !ok && len(bytes.TrimRight(one, "\r\n")) == 0 {
			break // the empty line, which is the last one
		}
		if !ok || len(rest) == 0 {
			return false
		}
		f := h.field(name, value)
		if f.name != rest[0].name || f.value != rest[0].value && (!rest[0].empty || utf8.Valid(value)) {
			return false
		}
		rest = rest[1:]
	}
	return len(rest) == 0
}

// cutField cuts off the first line and the lines that continue it.
func cutField(text []byte) (field, rest []byte) {
	for at := 0; ; {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			return text, nil
		}
		at += n + 1
		if at == len(text) || text[at] != ' ' && text[at] != '\t' {
			return text[:at], text[at:]
		}
	}
}
