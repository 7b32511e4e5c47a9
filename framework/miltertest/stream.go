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

// streamLimit is how much may be written before something is read: about what
// a socket holds, so that a filter or an MTA that never reads is found out.
const streamLimit = 64 << 10

// stream is one direction of a pipe. Waiting is done on a sync.Cond, because
// that, unlike a mutex, is a wait that testing/synctest understands.
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

// read waits for bytes, for the end of the writer or for the deadline.
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

// write waits for room, as often as it takes.
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

// deadline is a moment after which a stream no longer waits. The stream's lock
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

// after wakes those who wait once the deadline has passed, unless another was
// set while the timer waited for the lock.
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

// wrap gives an error of a stream the shape of those of a socket.
func (e *pipeEnd) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: e.local.Network(), Source: e.local, Addr: e.remote, Err: err}
}
