package crlf

import (
	"bytes"
	"cmp"
	"errors"
	"io"
)

// ErrBareCR reports a CR without an LF after it. It is an error because the
// writer's intention is unknown.
var ErrBareCR = errors.New("contains a CR without an LF")

// Canonical returns a copy of body in which every line ends with CRLF. If body
// already has that form, Canonical returns body itself. The error is
// [ErrBareCR].
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

// scan counts the LFs without a CR before them.
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

// Reader converts the line ends of its source to CRLF.
type Reader struct {
	src io.Reader
	in  []byte // read from src, not yet processed
	buf [16 << 10]byte
	cr  bool // the last byte returned was a CR
	err error
}

// NewReader returns a Reader over src. Its Read returns [ErrBareCR] at a CR
// without an LF after it.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.in) == 0 && (n > 0 || !r.refill()) {
			break // return what there is rather than block
		}
		m := r.copy(p[n:])
		if n += m; m == 0 {
			r.in, r.err = nil, ErrBareCR
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.end()
}

// copy copies the rest of a line to p, or as much of it as fits, or one byte of
// a line end. It returns 0 at a CR without an LF after it.
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

// refill reads from the source. It returns false after an error or at the end.
func (r *Reader) refill() bool {
	for range 100 {
		if r.err != nil {
			return false
		}
		var n int
		n, r.err = r.src.Read(r.buf[:])
		if r.in = r.buf[:n]; n > 0 {
			return true
		}
	}
	r.err = cmp.Or(r.err, io.ErrNoProgress)
	return false
}

func (r *Reader) end() error {
	if r.err == io.EOF && r.cr { //nolint:errorlint // Read must return io.EOF itself
		return ErrBareCR
	}
	return r.err
}
