package wire

import (
	"bytes"
	"net"
	"sync"
)

// tracedConn passes a copy of its traffic to a tracer.
type tracedConn struct {
	net.Conn
	in, out *tap
}

// Read implements net.Conn.
func (c *tracedConn) Read(p []byte) (int, error) { return c.in.pass(c.Conn.Read, p) }

// Write implements net.Conn.
func (c *tracedConn) Write(p []byte) (int, error) { return c.out.pass(c.Conn.Write, p) }

// tap reassembles the frames of one direction.
type tap struct {
	mu     sync.Mutex
	dec    *Decoder
	tracer *Tracer
	from   string
	print  func(Frame)
	broken bool
}

// pass calls Read or Write. It holds the lock during the call, because several
// goroutines may use a net.Conn and the trace must keep their order.
func (t *tap) pass(move func([]byte) (int, error), p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := move(p)
	t.feed(p[:n])
	return n, err
}

func (t *tap) feed(p []byte) {
	defer t.dec.Release()
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
			t.tracer.print(t.from, nil, err)
		}
		if !ok {
			return
		}
		t.print(f)
	}
}
