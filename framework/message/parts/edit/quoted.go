package edit

import "github.com/sluicemail/sluice/framework/message/internal/lex"

const hexDigits = "0123456789ABCDEF"

// quotedLine is the number of bytes in a line of quoted-printable before the "=" of a
// soft line break (RFC 2045 section 6.7).
const quotedLine = 75

// quotedEncoder writes text in quoted-printable. A hyphen at the beginning of a line is
// encoded.
type quotedEncoder struct {
	eol    string
	column int
	space  byte // the last byte, if it is a space or a tab, which must not end a line
	cr     bool // the last byte is a CR
}

func (e *quotedEncoder) feed(dst, src []byte) []byte {
	for _, c := range src {
		switch {
		case c == '\n':
			e.cr = false
			dst = append(e.finish(dst), e.eol...)
			e.column = 0
			continue
		case e.cr:
			dst = e.finish(dst)
		}
		switch c {
		case '\r':
			e.cr = true
		case ' ', '\t':
			dst = e.spaces(dst)
			e.space = c
		default:
			dst = e.put(e.spaces(dst), c, c > ' ' && c <= '~' && c != '=')
		}
	}
	return dst
}

// spaces writes the space that was held back, because text follows.
func (e *quotedEncoder) spaces(dst []byte) []byte {
	if e.space != 0 {
		dst = e.put(dst, e.space, true)
		e.space = 0
	}
	return dst
}

func (e *quotedEncoder) finish(dst []byte) []byte {
	if e.space != 0 {
		dst = e.put(dst, e.space, e.cr)
		e.space = 0
	}
	if e.cr {
		dst = e.put(dst, '\r', false)
		e.cr = false
	}
	return dst
}

// put writes a byte.
func (e *quotedEncoder) put(dst []byte, c byte, literal bool) []byte {
	size := 3
	if literal {
		size = 1
	}
	if e.column+size > quotedLine {
		dst = append(append(dst, '='), e.eol...)
		e.column = 0
	}
	if !literal || c == '-' && e.column == 0 {
		e.column += 3
		return append(dst, '=', hexDigits[c>>4], hexDigits[c&15])
	}
	e.column++
	return append(dst, c)
}

// quotedDecoder decodes quoted-printable. It leaves what is not valid.
type quotedDecoder struct {
	code []byte // what may be a code: "=", and what follows
}

func (d *quotedDecoder) feed(dst, src []byte) []byte {
	for _, c := range src {
		if len(d.code) == 0 {
			if c == '=' {
				d.code = append(d.code, c)
			} else {
				dst = append(dst, c)
			}
			continue
		}
		dst = d.next(dst, c)
	}
	return dst
}

// next takes a byte behind a "=".
func (d *quotedDecoder) next(dst []byte, c byte) []byte {
	last := d.code[len(d.code)-1]
	blank := last == '=' || last == ' ' || last == '\t' || last == '\r'
	switch {
	case blank && c == '\n': // a soft line break
		d.code = d.code[:0]
	case blank && last != '\r' && (c == ' ' || c == '\t' || c == '\r') && len(d.code) < quotedLine:
		d.code = append(d.code, c)
	case len(d.code) == 1 && lex.IsHex(c):
		d.code = append(d.code, c)
	case len(d.code) == 2 && lex.IsHex(last) && lex.IsHex(c):
		dst = append(dst, lex.Unhex(last)<<4|lex.Unhex(c))
		d.code = d.code[:0]
	default:
		dst = append(dst, d.code...)
		d.code = d.code[:0]
		return d.feed(dst, []byte{c})
	}
	return dst
}

func (d *quotedDecoder) finish(dst []byte) []byte {
	if len(d.code) > 1 {
		dst = append(dst, d.code...)
	}
	d.code = d.code[:0]
	return dst
}
