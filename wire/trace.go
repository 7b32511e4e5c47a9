package wire

import (
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
// What a peer put into a message is quoted, so that a line stays a line. A
// Tracer is safe for concurrent use.
type Tracer struct {
	mu   sync.Mutex
	w    io.Writer
	pool BufferPool
}

// NewTracer returns a tracer that writes to w. Errors of w are passed over.
func NewTracer(w io.Writer) *Tracer { return &Tracer{w: w} }

// Who sent a message, as a trace says it.
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

// Side is an end of a milter connection.
type Side int

// The two ends.
const (
	FilterSide Side = iota
	MTASide
)

// Conn returns a connection that prints what passes through conn, which is
// held by the given side. Bytes that are no frames are printed as the error
// that they are and pass on all the same; nothing that follows them in that
// direction is printed.
func (t *Tracer) Conn(conn net.Conn, side Side) net.Conn {
	commands := tap{dec: NewDecoder(&t.pool, traceLimit), tracer: t, from: fromMTA, print: t.Command}
	replies := tap{dec: NewDecoder(&t.pool, traceLimit), tracer: t, from: fromFilter, print: t.Reply}
	if side == MTASide {
		return &tracedConn{Conn: conn, in: &replies, out: &commands}
	}
	return &tracedConn{Conn: conn, in: &commands, out: &replies}
}

// A tracer shows what it sees; the limits are the ends' own affair.
const traceLimit = 64 << 20
