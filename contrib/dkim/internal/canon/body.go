package canon

import "io"

// Body is a writer that passes on the canonical form of the body written to
// it. Close ends the body; the writer below is not closed.
type Body struct {
	method Method
	to     io.Writer
	err    error

	// What was read and may not be part of the canonical form, in this order.
	lines int  // empty lines, which count if anything follows
	space bool // white space, which counts unless the line ends
	cr    bool // a CR, which may begin the end of a line

	some bool // anything was passed on
	buf  []byte
}

const (
	// bufferSize is how much is gathered before the writer below gets it.
	bufferSize = 4096
	// direct is the length from which a stretch is passed on without copying.
	direct = 512
)

// NewBody returns a writer that passes the canonical form on to w. It writes
// pieces of any size, none of which w may keep.
func (m Method) NewBody(w io.Writer) *Body {
	return &Body{method: m, to: w, buf: make([]byte, 0, bufferSize)}
}

// Reset begins a new body for another writer. It makes the zero Body usable.
func (b *Body) Reset(m Method, w io.Writer) {
	buf := b.buf[:0]
	if cap(buf) == 0 {
		buf = make([]byte, 0, bufferSize)
	}
	*b = Body{method: m, to: w, buf: buf}
}

// Write implements io.Writer. Lines end in CRLF; a CR or an LF alone is a byte
// like any other.
func (b *Body) Write(p []byte) (int, error) {
	f := finder{text: p}
	for i := 0; i < len(p); {
		if b.held() || b.waits(p[i]) {
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
	// short is the length of a stretch after which the next ones are expected to
	// be so too.
	short = 16
	// stride is how far to go byte by byte then: where places that are not plain
	// are close together, looking for them costs more.
	stride = 64
)

// walk takes bytes one by one.
func (b *Body) walk(p []byte) {
	for _, c := range p {
		if b.held() || b.waits(c) {
			b.step(c)
			continue
		}
		b.putByte(c)
	}
}

func (b *Body) held() bool { return b.lines > 0 || b.space || b.cr }

// waits reports whether it depends on what follows what becomes of a byte.
func (b *Body) waits(c byte) bool {
	return c == '\r' || b.method == Relaxed && (c == ' ' || c == '\t')
}

// step takes one byte of a place that is not plain.
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
	case b.waits(c):
		if b.cr {
			b.release()
		}
		b.space = true
	default:
		b.release()
		b.putByte(c)
	}
}

// release passes on what was held back, for something follows it.
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
	b.some = true
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
	b.some = true
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

// Close passes on what the end of the body settles: its empty lines at the end
// do not count, and what is there ends in CRLF. An empty body is the one line
// end in the simple form, and nothing in the relaxed.
func (b *Body) Close() error {
	if b.cr {
		b.release()
	}
	if b.some || b.method == Simple {
		b.putByte('\r')
		b.putByte('\n')
	}
	b.flush()
	return b.err
}
