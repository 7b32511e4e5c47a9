package edit

import (
	"bytes"
	"encoding/base64"
	"io"

	"github.com/sluicemail/sluice/framework/message/internal/lex"
)

// The encodings of RFC 2045 section 6.1.
const (
	sevenBit   = "7bit"
	eightBit   = "8bit"
	base64Name = "base64"
	quotedName = "quoted-printable"
)

// codec turns bytes that come in pieces, cut anywhere, into others.
type codec interface {
	feed(dst, src []byte) []byte // appends what src becomes
	finish(dst []byte) []byte    // appends what is left at the end
}

// Decode returns a reader of content that is encoded as Content-Transfer-Encoding says,
// decoded: base64 and quoted-printable. Other content stays as it is. Faults of the
// encoding are read as mail readers do: they are no errors.
func Decode(encoding string, content io.Reader) io.Reader {
	if c := decoder(encoding); c != nil {
		return &codecReader{source: content, codec: c}
	}
	return content
}

// Encode returns a reader of content in an encoding: base64 or quoted-printable, in lines
// of 76 bytes that end with CRLF. Other content stays as it is. In quoted-printable
// the content is text, whose lines end with LF or CRLF. No line of the result begins with
// a hyphen, so that none is a delimiter.
func Encode(encoding string, content io.Reader) io.Reader {
	return newEncoder(content, encoding, "\r\n")
}

func newEncoder(content io.Reader, encoding, eol string) io.Reader {
	switch encoding {
	case base64Name:
		return &codecReader{source: content, codec: &base64Encoder{eol: eol}}
	case quotedName:
		return &codecReader{source: content, codec: &quotedEncoder{eol: eol}}
	}
	return content
}

// newLines returns a reader of text in lines that end with eol.
func newLines(text io.Reader, eol string) io.Reader {
	return &codecReader{source: text, codec: &lineEnds{eol: eol}}
}

func decoder(encoding string) codec {
	switch encoding {
	case base64Name:
		return &base64Decoder{}
	case quotedName:
		return &quotedDecoder{}
	}
	return nil
}

// codecReader reads what a codec makes of a source.
type codecReader struct {
	source io.Reader
	codec  codec
	chunk  []byte
	out    []byte
	next   int
	err    error
}

// chunkSize is the number of bytes that a reader asks its source for.
const chunkSize = 8 << 10

func (r *codecReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.next == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.out[r.next:])
	r.next += n
	return n, nil
}

func (r *codecReader) fill() {
	if r.chunk == nil {
		r.chunk = make([]byte, chunkSize)
	}
	n, err := r.source.Read(r.chunk)
	r.out, r.next = r.codec.feed(r.out[:0], r.chunk[:n]), 0
	if r.err = err; err == io.EOF {
		r.out = r.codec.finish(r.out)
	}
}

// lineEnds writes each line end, LF or CRLF, as one.
type lineEnds struct {
	eol string
	cr  bool
}

func (l *lineEnds) feed(dst, src []byte) []byte {
	for len(src) > 0 {
		if l.cr && src[0] != '\n' {
			dst = append(dst, '\r')
		}
		l.cr = false
		n := bytes.IndexAny(src, "\r\n")
		if n < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:n]...)
		if src[n] == '\r' {
			l.cr = true
		} else {
			dst = append(dst, l.eol...)
		}
		src = src[n+1:]
	}
	return dst
}

func (l *lineEnds) finish(dst []byte) []byte {
	if l.cr {
		dst = append(dst, '\r')
	}
	return dst
}

// base64Encoder writes lines of 76 bytes.
type base64Encoder struct {
	eol  string
	rest []byte
	any  bool
}

const base64Line = 57 // bytes that make a line of 76

func (e *base64Encoder) feed(dst, src []byte) []byte {
	e.rest = append(e.rest, src...)
	n := 0
	for ; len(e.rest)-n >= base64Line; n += base64Line {
		dst = e.line(dst, e.rest[n:n+base64Line])
	}
	e.rest = append(e.rest[:0], e.rest[n:]...)
	return dst
}

func (e *base64Encoder) line(dst, src []byte) []byte {
	if e.any {
		dst = append(dst, e.eol...)
	}
	e.any = true
	return base64.StdEncoding.AppendEncode(dst, src)
}

func (e *base64Encoder) finish(dst []byte) []byte {
	if len(e.rest) > 0 {
		dst = e.line(dst, e.rest)
	}
	return dst
}

// base64Decoder skips what is not of the alphabet. Padding ends a group of characters,
// and more may follow.
type base64Decoder struct {
	group [4]byte
	n     int
}

func (d *base64Decoder) feed(dst, src []byte) []byte {
	for _, c := range src {
		switch {
		case c == '=':
			dst = d.finish(dst)
		case lex.IsBase64(c):
			d.group[d.n] = c
			if d.n++; d.n == len(d.group) {
				dst = d.finish(dst)
			}
		}
	}
	return dst
}

func (d *base64Decoder) finish(dst []byte) []byte {
	if d.n > 1 {
		dst, _ = base64.RawStdEncoding.AppendDecode(dst, d.group[:d.n]) // of the alphabet
	}
	d.n = 0
	return dst
}
