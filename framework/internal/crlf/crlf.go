package crlf

import (
	"bytes"
	"cmp"
	"errors"
	"io"
)

// ErrBareCR reports a CR that no LF follows. What was meant by it cannot be
// known.
var ErrBareCR = errors.New("holds a CR without its LF")

// Canonical returns body with every line ended by CRLF. A body that is
// canonical already is returned as it is; no other is changed in place.
func Canonical(body []byte) ([]byte, error) {
	bare, err := scan(body)
	if err != nil || bare == 0 {
		return body, err
	}
	out := make([]byte, 0, len(body)+bare)
	for i, c := range body {
		if c == '\n' && (i == 0 || body[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out, nil
}

// scan counts the LFs that lack their CR.
func scan(body []byte) (bare int, err error) {
	for at := 0; ; {
		i := bytes.IndexByte(body[at:], '\n')
		line := body[at:]
		if i >= 0 {
			line = body[at : at+i]
		}
		if n := len(line); i >= 0 && n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		} else if i >= 0 {
			bare++
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			return 0, ErrBareCR
		}
		if i < 0 {
			return bare, nil
		}
		at += i + 1
	}
}

// Reader makes the line ends of what it reads canonical.
type Reader struct {
	src  io.Reader
	in   []byte // read from src, not yet looked at
	buf  [16 << 10]byte
	cr   bool // the last byte handed out was a CR
	fail error
}

// NewReader returns a reader over src. Its Read fails with [ErrBareCR] at a CR
// that no LF follows.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.in) == 0 && (n > 0 || !r.refill()) {
			break // what there is can be handed out without a wait for more
		}
		m := r.copy(p[n:])
		if n += m; m == 0 {
			r.in, r.fail = nil, ErrBareCR
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.end()
}

// copy hands out the rest of a line, or as much of it as there is room for, or
// one byte of a line's end. It returns 0 at a CR that no LF follows.
func (r *Reader) copy(p []byte) int {
	if r.in[0] == '\n' {
		return r.lineEnd(p)
	}
	if r.cr {
		return 0
	}
	line := r.in[:min(len(r.in), len(p))]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if i := bytes.IndexByte(line, '\r'); i >= 0 {
		line, r.cr = line[:i+1], true
	}
	r.in = r.in[len(line):]
	return copy(p, line)
}

func (r *Reader) lineEnd(p []byte) int {
	if !r.cr {
		p[0], r.cr = '\r', true
		return 1
	}
	p[0], r.cr = '\n', false
	r.in = r.in[1:]
	return 1
}

// refill reads more, and reports false at the end.
func (r *Reader) refill() bool {
	for range 100 {
		if r.fail != nil {
			return false
		}
		var n int
		n, r.fail = r.src.Read(r.buf[:])
		if r.in = r.buf[:n]; n > 0 {
			return true
		}
	}
	r.fail = cmp.Or(r.fail, io.ErrNoProgress)
	return false
}

func (r *Reader) end() error {
	if r.fail == io.EOF && r.cr { //nolint:errorlint // Read must return io.EOF itself
		return ErrBareCR
	}
	return r.fail
}
