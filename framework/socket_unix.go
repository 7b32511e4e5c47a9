//go:build unix

package framework

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluicemail/sluice/wire"
)

// socket reads and writes a connection, and knows the moment when it has to
// wait for the other end. That moment is when things are done that a session
// without a wait need not pay for: deadlines are set, an acknowledgement is
// sent (see quickAck), and the buffer of an idle connection is given back. An
// ordinary Read wants a buffer beforehand, and ten thousand idle connections
// would have theirs for nothing.
type socket struct {
	conn    net.Conn
	raw     syscall.RawConn
	dec     *wire.Decoder
	timeout time.Duration // of a write
	tcp     bool

	pull func(fd uintptr) bool // tryRead, bound once
	wait func()                // to be called before a read waits
	idle bool                  // no message is under way
	owes bool                  // nothing was sent since the last read
	fd   int
	n    int
	err  error

	push    func(fd uintptr) bool // tryWrite, bound once
	rest    []byte                // what is to be written
	stalled bool                  // the write has waited, by a deadline
	failed  error
}

// newSocket returns the socket below conn, or nil where there is none.
func newSocket(conn net.Conn, dec *wire.Decoder, timeout time.Duration) *socket {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{conn: conn, raw: raw, dec: dec, timeout: timeout}
	_, s.tcp = conn.(*net.TCPConn)
	s.pull, s.push = s.tryRead, s.tryWrite
	return s
}

// fill reads once into the decoder, when there is something to be read.
func (s *socket) fill(idle bool, wait func()) (int, error) {
	s.idle, s.wait = idle, wait
	if err := s.raw.Read(s.pull); err != nil {
		return 0, err
	}
	s.owes = s.tcp
	return s.n, s.err
}

// tryRead reads, and returns false when it is to be called again later.
func (s *socket) tryRead(fd uintptr) bool {
	s.fd = int(fd)
	s.n, s.err = s.dec.Fill(s)
	if s.err != unix.EAGAIN { //nolint:errorlint // as it comes from Read below; this is done for every command
		return true
	}
	if s.owes {
		s.owes = false
		quickAck(s.fd)
	}
	s.wait()
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
		case err != unix.EINTR:
			return 0, err
		}
	}
}

// write writes all of p.
func (s *socket) write(p []byte) error {
	s.rest, s.failed = p, nil
	err := s.raw.Write(s.push)
	s.rest, s.owes = nil, false // what is sent acknowledges what was read
	if s.stalled {
		s.stalled = false
		_ = s.conn.SetWriteDeadline(time.Time{})
	}
	if err == nil {
		err = s.failed
	}
	return err
}

// sent says that the connection was written to by other means.
func (s *socket) sent() { s.owes = false }

// tryWrite writes, and returns false when it is to be called again later. All
// waits of a write have one deadline.
func (s *socket) tryWrite(fd uintptr) bool {
	for len(s.rest) > 0 {
		n, err := unix.Write(int(fd), s.rest)
		switch {
		case err == nil:
			s.rest = s.rest[n:]
		case err == unix.EINTR:
		case err != unix.EAGAIN:
			s.failed = os.NewSyscallError("write", err)
			return true
		default:
			if !s.stalled {
				s.stalled = true
				_ = s.conn.SetWriteDeadline(time.Now().Add(s.timeout))
			}
			return false
		}
	}
	return true
}
