package canon

import "io"

// Body is a writer that writes the canonical form of a body to another writer.
// Close ends the body. It does not close the other writer.
type Body struct {
	method Method
	to     io.Writer
	err    error

	// Pending input, in this order. The bytes that follow decide whether it
	// is part of the canonical form.
	lines int  // line ends, which count only if other text follows
	space bool // white space, which counts unless the line ends after it
	cr    bool // a CR, which may begin a line end

	nonEmpty bool // the canonical form has at least one byte so far
	buf      []byte
}

const (
	// bufferSize is the size of the buffer in front of the other writer.
	bufferSize = 4096
	// direct is the length from which a range is written without copying it
	// to the buffer.
	direct = 512
)

// NewBody returns a Body that writes the canonical form to w, in pieces of any
// size. w must not retain the pieces.
func (m Method) NewBody(w io.Writer) *Body {
	return &Body{method: m, to: w, buf: make([]byte, 0, bufferSize)}
}

// Reset begins a new body with the writer w. The zero Body is usable after
// Reset.
func (b *Body) Reset(m Method, w io.Writer) {
	buf := b.buf[:0]
	if cap(buf) == 0 {
		buf = make([]byte, 0, bufferSize)
	}
	*b = Body{method: m, to: w, buf: buf}
}

// Write implements io.Writer. Only CRLF ends a line. A CR or an LF alone is an
// ordinary byte.
func (b *Body) Write(p []byte) (int, error) {
	f := finder{text: p}
	for i := 0; i < len(p); {
		if b.pending() || b.ambiguous(p[i]) {
			b.step(p[i])
			i++
			continue
		}
		n := len(p)
		if b.method == Relaxed {
			n = f.next(i)
		}
		if n-i < short && n < len(p) {
			n = min(i+stride, len(p))
			b.walk(p[i:n])
			i = n
			continue
		}
		for n > i+1 && (p[n-1] == '\n' || p[n-1] == '\r') {
			n--
		}
		b.put(p[i:n])
		i = n
	}
	return len(p), b.err
}

const (
	// short is the length below which a canonical range counts as short.
	// After a short range, Write expects more short ranges.
	short = 16
	// stride is the number of bytes that Write processes one by one after a
	// short range. If canonical ranges are short, searching for their ends
	// costs more.
	stride = 64
)

// walk processes bytes one by one.
func (b *Body) walk(p []byte) {
	for _, c := range p {
		if b.pending() || b.ambiguous(c) {
			b.step(c)
			continue
		}
		b.putByte(c)
	}
}

// pending reports whether there is pending input.
func (b *Body) pending() bool { return b.lines > 0 || b.space || b.cr }

// ambiguous reports whether the canonical form of a byte depends on the bytes
// that follow it.
func (b *Body) ambiguous(c byte) bool {
	return c == '\r' || b.method == Relaxed && (c == ' ' || c == '\t')
}

// step processes one byte that is ambiguous or follows pending input.
func (b *Body) step(c byte) {
	if b.cr && c == '\n' {
		b.cr, b.space = false, false
		b.lines++
		return
	}
	switch {
	case c == '\r':
		if b.cr {
			b.release()
		}
		b.cr = true
	case b.ambiguous(c):
		if b.cr {
			b.release()
		}
		b.space = true
	default:
		b.release()
		b.putByte(c)
	}
}

// release writes the pending input, because a byte follows that makes it part
// of the canonical form.
func (b *Body) release() {
	for ; b.lines > 0; b.lines-- {
		b.putByte('\r')
		b.putByte('\n')
	}
	if b.space {
		b.putByte(' ')
	}
	if b.cr {
		b.putByte('\r')
	}
	b.space, b.cr = false, false
}

func (b *Body) put(p []byte) {
	b.nonEmpty = true
	if len(p) >= direct || len(b.buf)+len(p) > bufferSize {
		b.flush()
	}
	if len(p) >= direct {
		b.write(p)
		return
	}
	b.buf = append(b.buf, p...)
}

func (b *Body) putByte(c byte) {
	b.nonEmpty = true
	if len(b.buf) == cap(b.buf) {
		b.flush()
	}
	b.buf = append(b.buf, c)
}

func (b *Body) flush() {
	if len(b.buf) > 0 {
		b.write(b.buf)
		b.buf = b.buf[:0]
	}
}

func (b *Body) write(p []byte) {
	if b.err == nil {
		_, b.err = b.to.Write(p)
	}
}

// Close ends the body and writes the rest of the canonical form. Empty lines at
// the end of the body are dropped, and a body that is not empty ends in CRLF.
// An empty body becomes a single CRLF in the simple form and stays empty in the
// relaxed form.
func (b *Body) Close() error {
	if b.cr {
		b.release()
	}
	if b.nonEmpty || b.method == Simple {
		b.putByte('\r')
		b.putByte('\n')
	}
	b.flush()
	return b.err
}
