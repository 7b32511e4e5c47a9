package listen

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

func openUnix(a *address) (net.Listener, error) {
	path, query, _ := strings.Cut(a.rest, "?")
	opts, err := parseSocketOptions(query)
	if err != nil {
		return nil, a.error(err.Error())
	}
	stale, err := findStale(path)
	if err != nil {
		return nil, a.fails(err)
	}
	ln, err := bindUnix(path, stale, opts)
	return ln, a.fails(err)
}

// findStale returns the file of a socket that no process listens on, as a crash
// leaves behind, or nil if there is no file. Any other file is an error.
func findStale(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := checkSocket(path, info); err != nil {
		return nil, err
	}
	// The system answers at once. The limit is long because a busy host may not
	// let this process run for a while.
	conn, err := net.DialTimeout("unix", path, 10*time.Second)
	switch {
	case err == nil:
		_ = conn.Close()
		return nil, errInUse(path)
	case errors.Is(err, fs.ErrNotExist): // another process removed it meanwhile
		return nil, nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%s exists, and it is unknown whether a process listens there: %w", path, err)
	}
	return info, nil
}

// moveStale moves the stale socket at a path, if there is one. It returns an error
// if another process that starts at the same time has bound the path meanwhile.
func moveStale(path, to string, stale fs.FileInfo) error {
	if stale == nil {
		return nil
	}
	if err := os.Rename(path, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now, err := os.Lstat(to)
	if err == nil && !os.SameFile(now, stale) {
		return errors.Join(errInUse(path), os.Link(to, path))
	}
	return nil
}

func errInUse(path string) error { return fmt.Errorf("%s: another process listens there", path) }

// publish gives a socket its final path. It returns an error if another process
// has taken the path meanwhile.
func publish(hidden, path string) error {
	err := os.Link(hidden, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return errInUse(path)
	case err != nil: // the file system does not support hard links
		return os.Rename(hidden, path)
	}
	return nil
}

// maxSocketPath is the longest path in bytes that all systems accept for a socket.
const maxSocketPath = 103

var errLongPath = fmt.Errorf("the path is too long for a socket: at most %d bytes, 21 of them besides the folder", maxSocketPath)

// bindUnix binds in a new folder that other users cannot enter, sets mode and owner,
// and only then moves the socket to its path. A user whom the mode and owner exclude
// can therefore never connect.
func bindUnix(path string, stale fs.FileInfo, opts socketOptions) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".sluice-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := moveStale(path, filepath.Join(dir, "stale"), stale); err != nil {
		return nil, err
	}
	hidden := filepath.Join(dir, "s")
	if len(hidden) > maxSocketPath || len(path) > maxSocketPath {
		return nil, errLongPath
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	err = errors.Join(os.Chmod(hidden, opts.mode), os.Lchown(hidden, opts.uid, opts.gid))
	own, statErr := os.Lstat(hidden)
	if err = errors.Join(err, statErr); err == nil {
		err = publish(hidden, path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return newUnixListener(ln, path, own), nil
}

// unixListener is a listener that was bound at another path than its final one. Close
// removes the file at the final path if that file still belongs to the socket.
type unixListener struct {
	*net.UnixListener
	path string
	own  fs.FileInfo
	keep atomic.Bool
}

func newUnixListener(ln *net.UnixListener, path string, own fs.FileInfo) *unixListener {
	ln.SetUnlinkOnClose(false) // net.UnixListener would remove the path it was bound at
	return &unixListener{UnixListener: ln, path: path, own: own}
}

// SetUnlinkOnClose sets whether Close removes the file, as the method of
// net.UnixListener does. It is safe for concurrent use.
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
