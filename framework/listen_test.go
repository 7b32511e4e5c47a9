package framework_test

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

func TestListenTCP(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"inet:0@127.0.0.1", "inet:127.0.0.1:0", "inet6:0@::1", "inet6:[::1]:0", "inet:0"} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			ln, err := framework.Listen(address)
			require.NoError(t, err)
			defer func() { _ = ln.Close() }()
			conn, err := net.Dial("tcp", ln.Addr().String())
			require.NoError(t, err)
			assert.NoError(t, conn.Close())
		})
	}
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ address, reason string }{
		"nothing":            {"", "want inet:"},
		"kind alone":         {"inet:", "want inet:"},
		"unknown kind":       {"tcp:9000", "no such kind"},
		"port is no number":  {"inet:smtp@127.0.0.1", "the port is no number"},
		"port too large":     {"inet:65536", "the port is no number"},
		"host of the other":  {"inet6:0@127.0.0.1", "127.0.0.1"},
		"unknown option":     {"unix:/nonexistent/x?colour=red", "option colour"},
		"mode not octal":     {"unix:/nonexistent/x?mode=9", "option mode"},
		"unknown owner":      {"unix:/nonexistent/x?owner=nobody-has-this-name", "option owner"},
		"unknown group":      {"unix:/nonexistent/x?group=nobody-has-this-name", "option group"},
		"folder not there":   {"unix:/nonexistent/folder/x.sock", "no such file"},
		"nothing was passed": {"fd:filter", "no socket was passed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := framework.Listen(c.address)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.reason)
			assert.Contains(t, err.Error(), c.address, "the error names the address")
		})
	}
}

func TestListenUnix(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "x.sock")
	ln, err := framework.Listen("unix:" + path + "?mode=0600&owner=" + me.Username + "&group=" + me.Gid)
	require.NoError(t, err)

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Equal(t, path, ln.Addr().String())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing but the socket is left in the folder")

	require.NoError(t, ln.Close())
	assert.NoFileExists(t, path)
}

func TestListenUnixDefaultMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.sock")
	ln, err := framework.Listen("local:" + path)
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o660), info.Mode().Perm())
}

func TestListenUnixOverAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.sock")

	crashed, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	crashed.SetUnlinkOnClose(false)
	require.NoError(t, crashed.Close())
	require.FileExists(t, path)

	first, err := framework.Listen("unix:" + path)
	require.NoError(t, err, "a socket that nobody listens on is replaced")

	_, err = framework.Listen("unix:" + path)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "another process listens there")
	_, err = net.Dial("unix", path)
	require.NoError(t, err, "the live socket was left alone")

	require.NoError(t, os.Remove(path))
	second, err := framework.Listen("unix:" + path)
	require.NoError(t, err)
	require.NoError(t, first.Close())
	assert.FileExists(t, path, "a socket is removed by its own listener alone")
	require.NoError(t, second.Close())
	assert.NoFileExists(t, path)
}

// If two processes start at the same time and find the socket file of a crashed
// process, one gets the socket and the other gets an error.
func TestListenUnixAtTheSameTime(t *testing.T) {
	t.Parallel()
	for range 200 {
		path := filepath.Join(t.TempDir(), "x.sock")
		crashed, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		require.NoError(t, err)
		crashed.SetUnlinkOnClose(false)
		require.NoError(t, crashed.Close())
		opened := make(chan net.Listener, 2)
		for range 2 {
			go func() {
				ln, err := framework.Listen("unix:" + path)
				if err != nil {
					assert.ErrorContains(t, err, "another process listens there")
				}
				opened <- ln
			}()
		}
		var ours []net.Listener
		for range 2 {
			if ln := <-opened; ln != nil {
				ours = append(ours, ln)
			}
		}
		require.Len(t, ours, 1)
		conn, err := net.Dial("unix", path)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.NoError(t, ours[0].Close())
		require.NoFileExists(t, path)
	}
}

func TestListenUnixOverFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(path, []byte("data"), 0o600))
	_, err := framework.Listen("unix:" + path)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "is no socket")
	assert.FileExists(t, path)
}

func TestListenUnixLongPath(t *testing.T) {
	t.Parallel()
	_, err := framework.Listen("unix:" + filepath.Join(t.TempDir(), strings.Repeat("x", 100)))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "too long for a socket")
}

// listenFDChild is set in the child process, which is started as systemd would
// start it.
const listenFDChild = "SLUICE_TEST_LISTEN_FD"

// TestListenFD starts the test binary again with sockets, passed as systemd
// passes them.
func TestListenFD(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ address, want string }{
		"by name":       {"fd:second", "ok"},
		"by number":     {"fd:0", "ok"},
		"unknown name":  {"fd:third", "no socket of that name"},
		"not a process": {"fd:-1", "no socket of that name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, passSockets(t, c.address), c.want)
		})
	}
}

// passSockets runs the test binary with two sockets, and returns what
// TestListenFDChild prints there.
func passSockets(t *testing.T, address string) string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run '^TestListenFDChild$' -test.v`, exe)
	for range 2 {
		ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		t.Cleanup(func() { _ = ln.Close() })
		f, err := ln.File()
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	cmd.Env = append(os.Environ(), listenFDChild+"="+address, "LISTEN_FDS=2", "LISTEN_FDNAMES=first:second")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestListenFDChild(t *testing.T) { //nolint:paralleltest // another process of its own
	address := os.Getenv(listenFDChild)
	if address == "" {
		return
	}
	ln, err := framework.Listen(address)
	if err != nil {
		t.Log(err)
		return
	}
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = ln.Accept()
	require.NoError(t, err)
	t.Log("ok")
}
