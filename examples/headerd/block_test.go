//go:build linux

package main_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestReloadOfAFileThatBlocks replaces the configuration with files whose reading
// would block or never end. headerd refuses them, reloads again once there is a
// regular file, and drains.
func TestReloadOfAFileThatBlocks(t *testing.T) {
	t.Parallel()
	file, socket := write(t, addX), filepath.Join(t.TempDir(), "x.sock")
	p := start(t, "-config", file, "-listen", "unix:"+socket)
	kinds := []struct {
		name    string
		replace func() error
	}{
		{"named pipe (FIFO)", func() error { return unix.Mkfifo(file, 0o600) }},
		{"directory", func() error { return os.Mkdir(file, 0o700) }},
		{"device", func() error { return os.Symlink("/dev/zero", file) }},
		{"socket", func() error { ln, err := net.Listen("unix", file); closeAtEnd(t, ln); return err }},
	}
	for i, kind := range kinds {
		require.NoError(t, os.Remove(file))
		require.NoError(t, kind.replace(), kind.name)
		p.Signal(t, syscall.SIGHUP)
		p.Stderr.Await(t, `msg="configuration not reloaded: the old rules stay in force"`, i+1)
		assert.Contains(t, p.Stderr.String(), file+": not a regular file: it is a "+kind.name)
		assert.Contains(t, deliver(t, "unix:"+socket), "X: 1\r\n")
	}
	require.NoError(t, os.Remove(file))
	target := write(t, addY)
	require.NoError(t, os.Symlink(target, file))
	p.Signal(t, syscall.SIGHUP)
	p.Await(t, `msg="configuration reloaded"`)
	assert.Contains(t, deliver(t, "unix:"+socket), "Y: 2\r\n")
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t), p.Stderr.String())
}

// closeAtEnd closes a listener at the end of a test, if there is one.
func closeAtEnd(t *testing.T, ln net.Listener) {
	t.Helper()
	t.Cleanup(func() {
		if ln != nil {
			_ = ln.Close()
		}
	})
}

// TestStopWhileAFileHangs reloads a file that cannot be read for seconds, because
// this process has a lease on it. headerd logs a further SIGHUP, serves mail, and
// drains at once at SIGTERM.
func TestStopWhileAFileHangs(t *testing.T) {
	t.Parallel()
	file, socket := write(t, addX), filepath.Join(t.TempDir(), "x.sock")
	p := start(t, "-config", file, "-listen", "unix:"+socket)
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("the file system has no leases: %v", err)
	}
	for !strings.Contains(p.Stderr.String(), "still reloading") { // the first may not be handled yet
		p.Signal(t, syscall.SIGHUP)
		time.Sleep(10 * time.Millisecond)
	}
	assert.Contains(t, deliver(t, "unix:"+socket), "X: 1\r\n")
	p.Signal(t, syscall.SIGTERM)
	require.NoError(t, p.Wait(t), p.Stderr.String())
	assert.Contains(t, p.Stderr.String(), "gave up reading the files: the program is stopping")
}
