package listen

import (
	"net"

	"golang.org/x/sys/unix"
)

// PeerUID returns the ID of the user who connected to a unix socket (SO_PEERCRED),
// and false if the system does not report it.
func PeerUID(conn *net.UnixConn) (uid uint32, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil {
			uid, ok = cred.Uid, true
		}
	})
	return uid, ok && err == nil
}
