//go:build unix

package trial

import (
	"net"
	"os"
	"syscall"
)

// connected returns the two ends of a connection. With sockets, the server notices at once if
// the trial ends while a handler runs.
func connected() (trial, server net.Conn, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	trial, err = connOf(fds[0])
	if err != nil {
		_ = syscall.Close(fds[1])
		return nil, nil, err
	}
	if server, err = connOf(fds[1]); err != nil {
		_ = trial.Close()
		return nil, nil, err
	}
	return trial, server, nil
}

// connOf returns a connection for a descriptor, and closes the descriptor.
func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "trial")
	defer func() { _ = f.Close() }() // the connection has a copy
	return net.FileConn(f)
}
