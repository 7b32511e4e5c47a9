package framework

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func listenUnix(address, rest string) (net.Listener, error) {
	path, query, _ := strings.Cut(rest, "?")
	opts, err := parseSocketOptions(query)
	if err != nil {
		return nil, addressError(address, err.Error())
	}
	if err := removeDead(path); err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	ln, err := bindUnix(path, opts)
	if err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	return ln, nil
}

// removeDead removes a socket that nobody listens on, as a crash leaves behind.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = conn.Close()
		return fmt.Errorf("%s: another process listens there", path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s exists, and whether anyone listens there cannot be told: %w", path, err)
	}
	return os.Remove(path)
}

// maxSocketPath is the longest path that all systems take for a socket.
const maxSocketPath = 103

// bindUnix binds in a new folder that nobody else can enter, sets mode and
// owner, and renames the socket into place: at no moment can it be opened by
// somebody who should not.
func bindUnix(path string, opts socketOptions) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".sluice-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	hidden := filepath.Join(dir, "s")
	if len(hidden) > maxSocketPath || len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path is too long for a socket: %d bytes are the most, and its folder should leave 20 of them", maxSocketPath)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	err = errors.Join(os.Chmod(hidden, opts.mode), os.Lchown(hidden, opts.uid, opts.gid))
	own, statErr := os.Lstat(hidden)
	if err = errors.Join(err, statErr); err == nil {
		err = os.Rename(hidden, path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return newUnixListener(ln, path, own), nil
}

// unixListener removes the socket's file, if it is still its own, when it is
// closed, and knows the name that the socket has in the end.
type unixListener struct {
	*net.UnixListener
	path string
	own  fs.FileInfo
	keep atomic.Bool
}

func newUnixListener(ln *net.UnixListener, path string, own fs.FileInfo) *unixListener {
	ln.SetUnlinkOnClose(false) // the name that it knows is another
	return &unixListener{UnixListener: ln, path: path, own: own}
}

// SetUnlinkOnClose is that of net.UnixListener, for the name that the socket
// has in the end. It may be called at any time.
func (l *unixListener) SetUnlinkOnClose(unlink bool) { l.keep.Store(!unlink) }

// Addr implements net.Listener.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close implements net.Listener.
func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.own) && !l.keep.Load() {
		_ = os.Remove(l.path)
	}
	return l.UnixListener.Close()
}
