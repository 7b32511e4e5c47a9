package crlf

import (
	"bytes"
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
	buf  [4096]byte
	cr   bool // the last byte handed out was a CR
	fail error
}

// NewReader returns a reader over src. Its Read fails with [ErrBareCR] at a CR
// that no LF follows.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.in) == 0 && !r.refill(n > 0) {
			break
		}
		if len(r.in) == 0 {
			return n, nil
		}
		c := r.in[0]
		if r.cr && c != '\n' {
			r.fail = ErrBareCR
			r.in = nil
			break
		}
		if c == '\n' && !r.cr {
			p[n] = '\r'
			r.cr = true
			n++
			continue
		}
		p[n] = c
		r.cr = c == '\r'
		r.in = r.in[1:]
		n++
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.end()
}

// refill reads more, and reports false at the end. With some it does not wait:
// what there is can be handed out first.
func (r *Reader) refill(some bool) bool {
	if r.fail != nil {
		return false
	}
	if some {
		return true
	}
	for range 100 {
		n, err := r.src.Read(r.buf[:])
		r.in, r.fail = r.buf[:n], err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	r.fail = io.ErrNoProgress
	return false
}

func (r *Reader) end() error {
	if r.fail == io.EOF && r.cr { //nolint:errorlint // Read must return io.EOF itself
		return ErrBareCR
	}
	return r.fail
}
