package framework_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

// passOn returns the listener's socket as another process would receive it.
func passOn(t *testing.T, ln net.Listener) net.Listener {
	t.Helper()
	f, err := ln.(interface{ File() (*os.File, error) }).File()
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	passed, err := net.FileListener(f)
	require.NoError(t, err)
	return passed
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.sock")
	first, err := framework.Listen("unix:" + path + "?mode=0600")
	require.NoError(t, err)
	second, err := framework.Adopt("local:"+path, passOn(t, first))
	require.NoError(t, err)
	assert.Equal(t, path, second.Addr().String(), "not the name that it was bound to")

	first.(interface{ SetUnlinkOnClose(unlink bool) }).SetUnlinkOnClose(false)
	require.NoError(t, first.Close())
	conn, err := net.Dial("unix", path)
	require.NoError(t, err, "the socket outlives the one that opened it")
	require.NoError(t, conn.Close())
	require.NoError(t, second.Close())
	assert.NoFileExists(t, path)
}

func TestAdoptTCP(t *testing.T) {
	t.Parallel()
	first, err := framework.Listen("inet:0@127.0.0.1")
	require.NoError(t, err)
	passed := passOn(t, first)
	second, err := framework.Adopt("inet:0@127.0.0.1", passed)
	require.NoError(t, err)
	assert.Equal(t, passed, second)
	assert.Equal(t, first.Addr(), second.Addr())
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
}

func TestAdoptWithoutAFile(t *testing.T) {
	t.Parallel()
	address := "unix:" + filepath.Join(t.TempDir(), "x.sock")
	ln, err := framework.Listen(address)
	require.NoError(t, err)
	passed := passOn(t, ln)
	defer func() { _ = passed.Close() }()
	require.NoError(t, ln.Close())
	_, err = framework.Adopt(address, passed)
	assert.ErrorContains(t, err, address)
}

func TestSocketPath(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"unix:/run/x": "/run/x", "local:x?mode=0600&group=g": "x", "inet:9000@::1": "", "fd:x": "", "unix:": "", "": "",
	} {
		path, ok := framework.SocketPath(address)
		assert.Equal(t, want != "", ok, address)
		if ok {
			assert.Equal(t, want, path)
		}
	}
}
