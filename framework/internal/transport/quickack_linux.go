package transport

import "golang.org/x/sys/unix"

// quickAck makes the kernel acknowledge at once what it received. It is called before
// the connection waits for an MTA to which it sent nothing since the last read.
//
// Postfix leaves Nagle's algorithm on over TCP and sends a message in two writes.
// The second waits for the acknowledgement of the first, which the kernel delays by
// 40 ms unless data goes the other way. TCP_QUICKACK does not last, hence one call
// for each wait. It costs a packet, so it is left out if the next bytes are there
// already.
func quickAck(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }
