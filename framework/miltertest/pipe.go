package miltertest

import (
	"net"
	"sync"
	"time"
)

// Pipe returns the two ends of a connection in memory: what is written to one
// is read from the other. Unlike [net.Pipe] it holds what was written until it
// is read, as a socket does, up to 64 KiB in each direction; MTAs count on that
// when they write ahead. Deadlines and closing are as on a socket: what was
// written before Close is still read.
//
// Both ends may be used inside a [testing/synctest] bubble, all of whose
// goroutines count as blocked while they wait here. Ends made outside of a
// bubble must not be used inside.
func Pipe() (mtaEnd, filterEnd net.Conn) {
	toFilter, toMTA := newStream(), newStream()
	mta := &pipeEnd{in: toMTA, out: toFilter, local: "mta", remote: "filter"}
	filter := &pipeEnd{in: toFilter, out: toMTA, local: "filter", remote: "mta"}
	return mta, filter
}

// pipeEnd is one end: it reads one stream and writes the other.
type pipeEnd struct {
	in, out       *stream
	local, remote pipeAddr
	once          sync.Once
}

// Read implements net.Conn.
func (e *pipeEnd) Read(p []byte) (int, error) {
	n, err := e.in.read(p)
	return n, e.wrap("read", err)
}

// Write implements net.Conn.
func (e *pipeEnd) Write(p []byte) (int, error) {
	n, err := e.out.write(p)
	return n, e.wrap("write", err)
}

// Close implements net.Conn.
func (e *pipeEnd) Close() error {
	err := net.ErrClosed
	e.once.Do(func() {
		e.out.closeWriter()
		e.in.closeReader()
		err = nil
	})
	return e.wrap("close", err)
}

// LocalAddr implements net.Conn.
func (e *pipeEnd) LocalAddr() net.Addr { return e.local }

// RemoteAddr implements net.Conn.
func (e *pipeEnd) RemoteAddr() net.Addr { return e.remote }

// SetDeadline implements net.Conn.
func (e *pipeEnd) SetDeadline(t time.Time) error {
	if err := e.SetReadDeadline(t); err != nil {
		return err
	}
	return e.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (e *pipeEnd) SetReadDeadline(t time.Time) error {
	return e.wrap("set", e.in.setReadDeadline(t))
}

// SetWriteDeadline implements net.Conn.
func (e *pipeEnd) SetWriteDeadline(t time.Time) error {
	return e.wrap("set", e.out.setWriteDeadline(t))
}

// pipeAddr is the address of an end, for logs.
type pipeAddr string

// Network implements net.Addr.
func (pipeAddr) Network() string { return "memory" }

// String implements net.Addr.
func (a pipeAddr) String() string { return "memory:" + string(a) }
