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
	dead, err := findDead(path)
	if err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	ln, err := bindUnix(path, dead, opts)
	if err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	return ln, nil
}

// findDead finds a socket that nobody listens on, as a crash leaves behind.
func findDead(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s exists and is no socket", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = conn.Close()
		return nil, taken(path)
	case errors.Is(err, fs.ErrNotExist): // another process has taken it away
		return nil, nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%s exists, and whether anyone listens there cannot be told: %w", path, err)
	}
	return info, nil
}

// takeAway moves what was found at a path, if anything was, unless it is
// something else by now: the socket of another process that starts at the same
// time.
func takeAway(path, to string, found fs.FileInfo) error {
	if found == nil {
		return nil
	}
	if err := os.Rename(path, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now, err := os.Lstat(to)
	if err == nil && !os.SameFile(now, found) {
		return errors.Join(taken(path), os.Link(to, path))
	}
	return nil
}

func taken(path string) error { return fmt.Errorf("%s: another process listens there", path) }

// moveIn gives a socket its name, which nobody has taken meanwhile.
func moveIn(hidden, path string) error {
	err := os.Link(hidden, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return taken(path)
	case err != nil: // there are file systems that know one name for a file
		return os.Rename(hidden, path)
	}
	return nil
}

// maxSocketPath is the longest path that all systems take for a socket.
const maxSocketPath = 103

// bindUnix binds in a new folder that nobody else can enter, sets mode and
// owner, and only then gives the socket its place: at no moment can it be opened
// by somebody who should not.
func bindUnix(path string, dead fs.FileInfo, opts socketOptions) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".sluice-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := takeAway(path, filepath.Join(dir, "dead"), dead); err != nil {
		return nil, err
	}
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
		err = moveIn(hidden, path)
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
