package framework

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck returns what is to be called after each read. Over TCP it has the
// kernel acknowledge at once: Postfix leaves Nagle's algorithm on and sends a
// message in two writes, so that the second waits for the acknowledgement of
// the first, which the kernel would delay by 40 ms. The option does not last,
// hence after each read.
func quickAck(conn net.Conn) func() {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return func() {}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return func() {}
	}
	set := func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }
	return func() { _ = raw.Control(set) }
}
