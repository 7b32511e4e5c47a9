package wire

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
)

// Tracer prints the traffic of milter sessions, a line for every message, for
// people and for golden files:
//
//	MTA SMFIC_HELO "client.example"
//	FLT SMFIR_CONTINUE
//
// It is safe for concurrent use.
type Tracer struct {
	mu   sync.Mutex
	w    io.Writer
	pool BufferPool
}

// NewTracer returns a tracer that writes to w. Errors of w are passed over.
func NewTracer(w io.Writer) *Tracer { return &Tracer{w: w} }

// Command prints a frame that an MTA sent.
func (t *Tracer) Command(f Frame) {
	c, err := ParseCommand(f)
	t.print("MTA", c, err)
}

// Reply prints a frame that a filter sent.
func (t *Tracer) Reply(f Frame) {
	r, err := ParseReply(f)
	t.print("FLT", r, err)
}

func (t *Tracer) print(side string, m fmt.Stringer, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		_, _ = fmt.Fprintf(t.w, "%s !!! %v\n", side, err)
		return
	}
	_, _ = fmt.Fprintf(t.w, "%s %v\n", side, m)
}

// Side is an end of a milter connection.
type Side int

// The two ends.
const (
	FilterSide Side = iota
	MTASide
)

// Conn returns a connection that prints what passes through conn, which is
// held by the given side. Bytes that are no frames are printed as the error
// that they are and pass on all the same.
func (t *Tracer) Conn(conn net.Conn, side Side) net.Conn {
	in, out := t.Command, t.Reply
	if side == MTASide {
		in, out = t.Reply, t.Command
	}
	return &tracedConn{
		Conn: conn,
		in:   tap{dec: NewDecoder(&t.pool, traceLimit), print: in, tracer: t},
		out:  tap{dec: NewDecoder(&t.pool, traceLimit), print: out, tracer: t},
	}
}

// A tracer shows what it sees; the limits are the ends' own affair.
const traceLimit = 64 << 20

type tracedConn struct {
	net.Conn
	in, out tap
}

// Read implements net.Conn.
func (c *tracedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.see(p[:n])
	return n, err
}

// Write implements net.Conn.
func (c *tracedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.out.see(p[:n])
	return n, err
}

// tap puts one direction's bytes together again.
type tap struct {
	dec    *Decoder
	print  func(Frame)
	tracer *Tracer
	broken bool
}

func (t *tap) see(p []byte) {
	for r := bytes.NewReader(p); r.Len() > 0 && !t.broken; {
		if _, err := t.dec.Fill(r); err != nil {
			return
		}
		t.drain()
	}
}

func (t *tap) drain() {
	for {
		f, ok, err := t.dec.Next()
		if err != nil {
			t.broken = true
			t.tracer.print("???", nil, err)
		}
		if !ok {
			return
		}
		t.print(f)
	}
}
