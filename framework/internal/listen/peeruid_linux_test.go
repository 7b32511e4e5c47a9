package listen_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

func TestPeerUID(t *testing.T) {
	t.Parallel()
	ln, err := listen.Open("unix:" + filepath.Join(t.TempDir(), "x.sock"))
	require.NoError(t, err)
	client, err := net.Dial("unix", ln.Addr().String())
	require.NoError(t, err)
	accepted, err := ln.Accept()
	require.NoError(t, err)
	conn := accepted.(*net.UnixConn)
	require.NoError(t, client.Close())
	uid, ok := listen.PeerUID(conn)
	assert.True(t, ok, "it is known even after the user has closed the connection")
	assert.Equal(t, os.Getuid(), int(uid))
	require.NoError(t, conn.Close())
	_, ok = listen.PeerUID(conn)
	assert.False(t, ok)
	assert.NoError(t, ln.Close())
}
