package banner

import (
	"encoding/base64"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// unit is a piece of encoded content that cannot be divided, and the bytes of text that
// it encodes.
type unit struct {
	raw  []byte
	text []byte
}

// splitter divides encoded content into units. Its units are valid until the next call.
type splitter interface {
	// next takes a byte, and returns a unit if one is complete. A byte with an error
	// is not taken.
	next(c byte) (u unit, whole bool, err error)
	// rest returns what is left at the end of the content.
	rest() unit
}

// plainUnits divides content whose bytes are those of the text: 7bit, 8bit and binary.
type plainUnits struct{ b [1]byte }

func (p *plainUnits) next(c byte) (u unit, whole bool, err error) {
	p.b[0] = c
	return unit{p.b[:], p.b[:]}, true, nil
}

func (*plainUnits) rest() unit { return unit{} }

// longestUnit bounds a unit of quoted-printable. A longer one has white space between the
// "=" and the end of the line, or is no quoted-printable.
const longestUnit = 80

// quotedUnits divides quoted-printable (RFC 2045 section 6.7).
type quotedUnits struct {
	raw  []byte
	text [1]byte
	done bool // raw was returned
}

func (q *quotedUnits) next(c byte) (u unit, whole bool, err error) {
	if q.done {
		q.raw, q.done = q.raw[:0], false
	}
	q.raw = append(q.raw, c)
	if text, whole := q.decode(); whole {
		q.done = true
		return unit{q.raw, text}, true, nil
	}
	return unit{}, false, nil
}

// decode returns the text of the unit, and whether it is complete. What is no
// quoted-printable is text as it is.
func (q *quotedUnits) decode() (text []byte, whole bool) {
	last := q.raw[len(q.raw)-1]
	switch n := len(q.raw); {
	case q.raw[0] != '=':
		return q.raw, true
	case n == 1:
		return nil, false
	case last == '\n':
		return nil, true
	case n == 3 && lex.IsHex(q.raw[1]) && lex.IsHex(last):
		q.text[0] = lex.Unhex(q.raw[1])<<4 | lex.Unhex(last)
		return q.text[:], true
	case n == 2 && lex.IsHex(last), (last == ' ' || last == '\t' || last == '\r') && n < longestUnit && !lex.IsHex(q.raw[1]):
		return nil, false
	}
	return q.raw, true
}

func (q *quotedUnits) rest() unit {
	switch {
	case q.done || len(q.raw) == 0:
		return unit{}
	case len(q.raw) == 2 && lex.IsHex(q.raw[1]):
		return unit{q.raw, q.raw}
	}
	return unit{raw: q.raw} // a soft line break
}

// base64Units divides base64 into groups of four characters (RFC 2045 section 6.8).
// White space belongs to the unit that ends after it.
type base64Units struct {
	raw     []byte
	group   [4]byte
	text    [3]byte
	n       int
	done    bool // raw was returned
	padding bool
}

func (b *base64Units) next(c byte) (u unit, whole bool, err error) {
	if b.done {
		b.raw, b.n, b.done = b.raw[:0], 0, false
	}
	switch ok := lex.IsBase64(c); {
	case c == '=':
		b.padding = true
	case len(b.raw) > maxHeld:
		return unit{}, false, ErrEncoding
	case !ok && isBlank(c):
	case !ok || b.padding:
		return unit{}, false, ErrEncoding // some readers stop here, and others go on
	default:
		b.group[b.n] = c
		b.n++
	}
	b.raw = append(b.raw, c)
	if b.n == len(b.group) {
		b.done = true
		return unit{b.raw, b.decode()}, true, nil
	}
	if b.n == 0 && !b.padding && len(b.raw) >= longestUnit { // nothing but white space so far
		b.done = true
		return unit{raw: b.raw}, true, nil
	}
	return unit{}, false, nil
}

// decode returns the text of the group, which may be cut.
func (b *base64Units) decode() []byte {
	text, _ := base64.RawStdEncoding.AppendDecode(b.text[:0], b.group[:b.n]) // of the alphabet
	return text
}

func (b *base64Units) rest() unit {
	if b.done {
		return unit{}
	}
	return unit{b.raw, b.decode()}
}

// alphabet64 are the characters of base64 in the order of their values, and the padding.
const alphabet64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" + "="
