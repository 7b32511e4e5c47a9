package framework

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck returns what is to be called before the link waits for an MTA to
// which it has sent nothing since the last read, or nil where that is no use.
//
// Postfix leaves Nagle's algorithm on over TCP and sends a message in two
// writes, so that the second waits for the acknowledgement of the first, which
// the kernel delays by 40 ms unless something goes the other way. This has it
// acknowledged at once. The option does not last, hence once for each wait.
func quickAck(conn net.Conn) func() {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	set := func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }
	return func() { _ = raw.Control(set) }
}
