package wire

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// Tracer prints the traffic of milter sessions, one line for each message. The
// output is readable and suitable for golden files:
//
//	MTA SMFIC_HELO "client.example"
//	FLT SMFIR_CONTINUE
//
// A Tracer quotes the values in a message, so that they cannot break a line. It
// is safe for concurrent use.
type Tracer struct {
	mu   sync.Mutex
	w    io.Writer
	pool BufferPool
}

// NewTracer returns a tracer that writes to w. It ignores errors of w.
func NewTracer(w io.Writer) *Tracer { return &Tracer{w: w} }

// The sender of a message in a trace.
const (
	fromMTA    = "MTA"
	fromFilter = "FLT"
)

// Command prints a frame that an MTA sent.
func (t *Tracer) Command(f Frame) {
	c, err := ParseCommand(f)
	t.print(fromMTA, c, err)
}

// Reply prints a frame that a filter sent.
func (t *Tracer) Reply(f Frame) {
	r, err := ParseReply(f)
	t.print(fromFilter, r, err)
}

func (t *Tracer) print(from string, m fmt.Stringer, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		_, _ = fmt.Fprintf(t.w, "%s !!! %v\n", from, err)
		return
	}
	_, _ = fmt.Fprintf(t.w, "%s %v\n", from, m)
}

// Side is one end of a milter connection.
type Side int

// The two ends.
const (
	FilterSide Side = iota
	MTASide
)

// Conn returns a connection that prints the messages that pass through conn.
// side is the end that uses conn. If bytes are not a valid frame, the tracer
// prints the error once and no further messages in that direction. The bytes
// pass through nevertheless.
func (t *Tracer) Conn(conn net.Conn, side Side) net.Conn {
	commands := tap{dec: NewDecoder(&t.pool, traceLimit), tracer: t, from: fromMTA, print: t.Command}
	replies := tap{dec: NewDecoder(&t.pool, traceLimit), tracer: t, from: fromFilter, print: t.Reply}
	if side == MTASide {
		return &tracedConn{Conn: conn, in: &replies, out: &commands}
	}
	return &tracedConn{Conn: conn, in: &commands, out: &replies}
}

// traceLimit is large because a tracer shows every frame. The two ends enforce
// the negotiated limit.
const traceLimit = 64 << 20
