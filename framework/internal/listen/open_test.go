package listen_test

import (
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

func TestOpenOptions(t *testing.T) {
	t.Parallel()
	uid, gid := strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid())
	group, err := user.LookupGroupId(gid)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		query string
		mode  fs.FileMode
	}{
		"none":            {"", 0o660},
		"empty":           {"?", 0o660},
		"empty ones":      {"?&&mode=0606&", 0o606},
		"mode":            {"?mode=777", 0o777},
		"no access":       {"?mode=0", 0},
		"the last counts": {"?mode=0600&mode=0640", 0o640},
		"owner by number": {"?owner=" + uid, 0o660},
		"group by name":   {"?group=" + group.Name + "&mode=0666", 0o666},
		"both":            {"?owner=" + uid + "&group=" + gid, 0o660},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.sock")
			ln, err := listen.Open("unix:" + path + c.query)
			require.NoError(t, err)
			info, err := os.Lstat(path)
			require.NoError(t, err)
			assert.Equal(t, c.mode|fs.ModeSocket, info.Mode())
			require.NoError(t, ln.Close())
			assert.NoFileExists(t, path)
		})
	}
}

// What is at the path and is not the socket of a process that crashed stays there.
func TestOpenLeavesOtherFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		put    func(t *testing.T, path string)
		reason string
	}{
		"folder": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Mkdir(path, 0o700))
		}, "is no socket"},
		"symbolic link to a stale socket": {func(t *testing.T, path string) {
			t.Helper()
			ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path + ".target", Net: "unix"})
			require.NoError(t, err)
			ln.SetUnlinkOnClose(false)
			require.NoError(t, ln.Close())
			require.NoError(t, os.Symlink(path+".target", path))
		}, "is no socket"},
		"symbolic link to nothing": {func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Symlink("/nonexistent", path))
		}, "is no socket"},
		"datagram socket": {func(t *testing.T, path string) {
			t.Helper()
			conn, err := net.ListenPacket("unixgram", path)
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
		}, "it is unknown whether a process listens there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.sock")
			c.put(t, path)
			before, err := os.Lstat(path)
			require.NoError(t, err)
			_, err = listen.Open("unix:" + path)
			require.ErrorContains(t, err, c.reason)
			require.ErrorContains(t, err, path)
			after, err := os.Lstat(path)
			require.NoError(t, err)
			assert.True(t, os.SameFile(before, after))
		})
	}
}

func TestOpenBelowAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := listen.Open("unix:" + file + "/x.sock")
	assert.ErrorContains(t, err, "not a directory")
}

func TestOpenTCPInUse(t *testing.T) {
	t.Parallel()
	first, err := listen.Open("inet:0@127.0.0.1")
	require.NoError(t, err)
	address := "inet:" + first.Addr().String()
	_, err = listen.Open(address)
	require.ErrorContains(t, err, "address already in use")
	require.ErrorContains(t, err, strconv.Quote(address))
	require.NoError(t, first.Close())
}

func TestSetUnlinkOnClose(t *testing.T) {
	t.Parallel()
	for name, set := range map[string][]bool{"removed": {false, true}, "kept": {true, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.sock")
			ln, err := listen.Open("unix:" + path)
			require.NoError(t, err)
			for _, unlink := range set {
				ln.(interface{ SetUnlinkOnClose(unlink bool) }).SetUnlinkOnClose(unlink)
			}
			require.NoError(t, ln.Close())
			_, err = os.Lstat(path)
			assert.Equal(t, name == "kept", err == nil)
			assert.ErrorIs(t, ln.Close(), net.ErrClosed)
		})
	}
}

// Variables that systemd did not set for this process open nothing.
func TestOpenPassedEnvironment(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	for name, c := range map[string]struct{ pid, fds, names, address, reason string }{
		"for another process":   {"1", "1", "x", "fd:x", "no socket was passed to this process"},
		"no process":            {"", "1", "x", "fd:x", "no socket was passed to this process"},
		"no number":             {pid, "one", "x", "fd:x", "no socket was passed to this process"},
		"none":                  {pid, "0", "", "fd:0", "no socket of that name"},
		"more names than files": {pid, "1", "x:y", "fd:y", "no socket of that name"},
		"a number too large":    {pid, "2", "x:y", "fd:2", "no socket of that name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LISTEN_PID", c.pid)
			t.Setenv("LISTEN_FDS", c.fds)
			t.Setenv("LISTEN_FDNAMES", c.names)
			_, err := listen.Open(c.address)
			require.ErrorContains(t, err, c.reason)
			assert.ErrorContains(t, err, c.address)
		})
	}
}

// childAddress is set in the process that TestOpenPassed starts.
const childAddress = "SLUICE_TEST_OPEN_PASSED"

// The test binary is started again as systemd would start it, with a file that is no
// socket and with a unix socket.
func TestOpenPassed(t *testing.T) {
	t.Parallel()
	if address := os.Getenv(childAddress); address != "" {
		ln, err := listen.Open(address)
		if err != nil {
			t.Log(err)
			return
		}
		t.Log("listens on", ln.Addr())
		return
	}
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "file"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	socket, err := ln.File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	exe, err := os.Executable()
	require.NoError(t, err)
	for address, want := range map[string]string{
		"fd:file": `framework: address "fd:file": `, "fd:0": `framework: address "fd:0": `,
		"fd:socket": "listens on " + ln.Addr().String(), "fd:1": "listens on " + ln.Addr().String(),
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run '^TestOpenPassed$' -test.v`, exe)
			cmd.ExtraFiles = []*os.File{file, socket}
			cmd.Env = append(os.Environ(), childAddress+"="+address, "LISTEN_FDS=2", "LISTEN_FDNAMES=file:socket")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			assert.Contains(t, string(out), want)
		})
	}
}
