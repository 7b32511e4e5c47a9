package framework

import "golang.org/x/sys/unix"

// quickAck is called before the session waits for an MTA to which it has sent
// nothing since the last read.
//
// Postfix leaves Nagle's algorithm on over TCP and sends a message in two
// writes, so that the second waits for the acknowledgement of the first, which
// the kernel delays by 40 ms unless something goes the other way. This has it
// acknowledged at once. The option does not last, hence once for each wait. It
// costs a packet, and so it is not done where the next bytes are there already.
func quickAck(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }
