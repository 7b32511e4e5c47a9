package tlstest_test

import (
	"crypto/tls"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/tlstest"
)

func authority(t *testing.T) *tlstest.Authority {
	t.Helper()
	a, err := tlstest.NewAuthority()
	require.NoError(t, err)
	return a
}

// handshake does a handshake between a server with the certificate of the files and a
// client, and returns the client's error.
func handshake(t *testing.T, cert, key string, client *tls.Config) error {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // a net.Pipe has no buffer: both ends may write an alert
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	go func() {
		if conn, err := ln.Accept(); err == nil {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
			_ = conn.Close()
		}
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	return tls.Client(conn, client).Handshake()
}

func TestAuthority(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	cert, key, err := a.Files(dir, "filter")
	require.NoError(t, err)
	client, err := a.Client("")
	require.NoError(t, err)
	assert.Empty(t, client.Certificates)
	require.NoError(t, handshake(t, cert, key, client))
	stranger, err := authority(t).Client("")
	require.NoError(t, err)
	require.Error(t, handshake(t, cert, key, stranger), "of another authority")
	named, err := a.Client("mx.example.org")
	require.NoError(t, err)
	assert.Equal(t, "mx.example.org", named.Certificates[0].Leaf.Subject.CommonName)
}

func TestFilesAreReplaced(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	cert, _, err := a.Files(dir, "filter")
	require.NoError(t, err)
	before, err := os.ReadFile(cert)
	require.NoError(t, err)
	_, _, err = a.Files(dir, "filter")
	require.NoError(t, err)
	after, err := os.ReadFile(cert)
	require.NoError(t, err)
	assert.NotEqual(t, before, after)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2)
	_, _, err = a.Files(dir+"/nothing", "filter")
	assert.Error(t, err)
}
