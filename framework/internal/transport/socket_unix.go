//go:build unix

package transport

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluicemail/sluice/wire"
)

// socket reads and writes a connection by system calls, so that it knows when it has
// to wait for the other end. Only then it sets deadlines, sends an acknowledgement
// (see quickAck), and gives back the buffer of an idle connection: an ordinary Read
// needs a buffer before it waits, and ten thousand idle connections would each hold
// one.
type socket struct {
	conn    net.Conn
	raw     syscall.RawConn
	dec     *wire.Decoder
	timeout time.Duration // of a write
	tcp     bool

	pull func(fd uintptr) bool // tryRead, bound once
	wait func()                // called before a read waits
	idle bool                  // no message is open
	owes bool                  // nothing was sent since the last read, so an acknowledgement is due
	fd   int
	n    int
	err  error

	push    func(fd uintptr) bool // tryWrite, bound once
	rest    []byte                // to be written
	stalled bool                  // the write waited, and a write deadline is set
	failed  error
}

// newSocket returns the socket below conn, or nil if conn is not one.
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

// fill waits until there is data, and reads once into the decoder.
func (s *socket) fill(idle bool, wait func()) (int, error) {
	s.idle, s.wait = idle, wait
	if err := s.raw.Read(s.pull); err != nil {
		return 0, err
	}
	s.owes = s.tcp
	return s.n, s.err
}

// tryRead reads, and returns false if it must be called again when there is data.
func (s *socket) tryRead(fd uintptr) bool {
	s.fd = int(fd)
	s.n, s.err = s.dec.Fill(s)
	if s.err != unix.EAGAIN { //nolint:errorlint // Read below returns it unwrapped, and this runs for every command
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
	s.rest, s.owes = nil, false // data acknowledges what was read
	if s.stalled {
		s.stalled = false
		_ = s.conn.SetWriteDeadline(time.Time{})
	}
	if err == nil {
		err = s.failed
	}
	return err
}

// sent records that the connection was written to without the socket's own
// methods.
func (s *socket) sent() { s.owes = false }

// tryWrite writes, and returns false if it must be called again when there is room.
// All waits of one write share one deadline.
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
