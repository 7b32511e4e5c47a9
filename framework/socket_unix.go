//go:build unix

package framework

import (
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluicemail/sluice/wire"
)

// socket reads from a connection without holding a buffer while it waits. An
// ordinary Read wants one beforehand, and ten thousand idle connections would
// have theirs for nothing.
type socket struct {
	raw     syscall.RawConn
	dec     *wire.Decoder
	attempt func(fd uintptr) bool // try, bound once
	idle    bool                  // no message is under way
	fd      int
	n       int
	err     error
}

// newSocket returns the socket below conn, or nil where there is none.
func newSocket(conn net.Conn, dec *wire.Decoder) *socket {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: raw, dec: dec}
	s.attempt = s.try
	return s
}

// fill reads once into the decoder, when there is something to be read.
func (s *socket) fill(idle bool) (int, error) {
	s.idle = idle
	if err := s.raw.Read(s.attempt); err != nil {
		return 0, err
	}
	return s.n, s.err
}

// try reads, and returns false when it is to be called again later.
func (s *socket) try(fd uintptr) bool {
	s.fd = int(fd)
	s.n, s.err = s.dec.Fill(s)
	if !errors.Is(s.err, unix.EAGAIN) {
		return true
	}
	if s.idle {
		s.dec.Release()
	}
	return false
}

// Read implements io.Reader for the decoder.
func (s *socket) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, p)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case !errors.Is(err, unix.EINTR):
			return 0, err
		}
	}
}
