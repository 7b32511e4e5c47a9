package miltertest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Pipe returns the two ends of a connection in memory. Data written to one end
// can be read from the other. Unlike [net.Pipe], Pipe buffers up to 64 KiB in
// each direction, as a socket does, because MTAs write ahead. Deadlines and
// Close work as on a socket: data written before Close can still be read.
//
// Both ends may be used inside a [testing/synctest] bubble. A goroutine of the
// bubble that waits on a Pipe counts as durably blocked. Ends that were created
// outside a bubble must not be used inside it.
func Pipe() (mtaEnd, filterEnd net.Conn) {
	toFilter, toMTA := newStream(), newStream()
	mta := &pipeEnd{in: toMTA, out: toFilter, local: "mta", remote: "filter"}
	filter := &pipeEnd{in: toFilter, out: toMTA, local: "filter", remote: "mta"}
	return mta, filter
}

// pipeEnd is one end of a Pipe. It reads from one stream and writes to the
// other.
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

// pipeAddr is the address of an end, as it appears in logs.
type pipeAddr string

// Network implements net.Addr.
func (pipeAddr) Network() string { return "memory" }

// String implements net.Addr.
func (a pipeAddr) String() string { return "memory:" + string(a) }

// streamLimit is the number of bytes that a stream buffers, about as many as a
// socket. A test therefore detects a filter or an MTA that never reads.
const streamLimit = 64 << 10

// stream is one direction of a pipe. It waits on a sync.Cond, which
// testing/synctest treats as durably blocking. It does not do so for a mutex.
type stream struct {
	mu       sync.Mutex
	changed  sync.Cond
	buf      []byte
	noWriter bool
	noReader bool
	readBy   deadline
	writeBy  deadline
}

func newStream() *stream {
	s := new(stream)
	s.changed.L = &s.mu
	return s
}

// read waits until there are bytes, the writer has closed, or the deadline has
// passed.
func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.noReader:
			return 0, net.ErrClosed
		case s.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case len(s.buf) > 0:
			n := copy(p, s.buf)
			s.buf = s.buf[n:]
			s.changed.Broadcast()
			return n, nil
		case s.noWriter:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

// write copies p into the buffer and waits for free space as often as
// necessary.
func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.noWriter:
			return n, net.ErrClosed
		case s.writeBy.passed:
			return n, os.ErrDeadlineExceeded
		case s.noReader:
			return n, syscall.EPIPE
		}
		room := min(len(p)-n, streamLimit-len(s.buf))
		if room > 0 {
			s.buf = append(s.buf, p[n:n+room]...)
			n += room
			s.changed.Broadcast()
		}
		if n == len(p) {
			return n, nil
		}
		s.changed.Wait()
	}
}

func (s *stream) closeWriter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noWriter = true
	s.writeBy.clear()
	s.changed.Broadcast()
}

func (s *stream) closeReader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noReader, s.buf = true, nil
	s.readBy.clear()
	s.changed.Broadcast()
}

func (s *stream) setReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noReader {
		return net.ErrClosed
	}
	s.readBy.set(s, t)
	return nil
}

func (s *stream) setWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noWriter {
		return net.ErrClosed
	}
	s.writeBy.set(s, t)
	return nil
}

// deadline is the time after which a stream no longer waits. The stream's mutex
// guards it.
type deadline struct {
	passed bool
	timer  *time.Timer
}

func (d *deadline) set(s *stream, t time.Time) {
	d.clear()
	wait := time.Until(t)
	switch {
	case t.IsZero():
	case wait <= 0:
		d.passed = true
	default:
		d.timer = d.after(s, wait)
	}
	s.changed.Broadcast()
}

// after starts a timer that wakes the waiting goroutines when the deadline has
// passed. The timer does nothing if another deadline was set while it waited
// for the mutex.
func (d *deadline) after(s *stream, wait time.Duration) *time.Timer {
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.timer == timer {
			d.passed = true
			s.changed.Broadcast()
		}
	})
	return timer
}

func (d *deadline) clear() {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer, d.passed = nil, false
}

// wrap returns an error of a stream as a *net.OpError, as a socket would.
func (e *pipeEnd) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: e.local.Network(), Source: e.local, Addr: e.remote, Err: err}
}
