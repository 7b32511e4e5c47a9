package poison_test

import (
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/poison"
	"github.com/sluicemail/sluice/framework/miltertest"
)

func TestUnmark(t *testing.T) {
	t.Parallel()
	plain, peer := miltertest.Pipe()
	t.Cleanup(func() {
		assert.NoError(t, plain.Close())
		assert.NoError(t, peer.Close())
	})
	for name, c := range map[string]struct {
		conn, want net.Conn
		marked     bool
	}{
		"not marked":   {plain, plain, false},
		"marked":       {poison.Conn(plain), plain, true},
		"marked twice": {poison.Conn(poison.Conn(plain)), poison.Conn(plain), true},
		"nil":          {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, marked := poison.Unmark(c.conn)
			assert.Equal(t, c.marked, marked)
			assert.Equal(t, c.want, conn)
		})
	}
}

// A marked connection works as the one below it.
func TestConn(t *testing.T) {
	t.Parallel()
	mta, filter := miltertest.Pipe()
	marked := poison.Conn(filter)
	assert.Equal(t, filter.RemoteAddr(), marked.RemoteAddr())
	_, err := mta.Write([]byte("hello"))
	require.NoError(t, err)
	b := make([]byte, 8)
	n, err := marked.Read(b)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(b[:n]))
	require.NoError(t, marked.Close())
	_, err = filter.Write(b)
	require.ErrorIs(t, err, net.ErrClosed)
	assert.NoError(t, mta.Close())
}

// oneConn is a listener that accepts one connection and then fails.
type oneConn struct {
	net.Listener
	conn net.Conn
}

var errNoMore = errors.New("no more connections")

// Accept implements net.Listener.
func (l *oneConn) Accept() (net.Conn, error) {
	conn := l.conn
	l.conn = nil
	if conn == nil {
		return nil, errNoMore
	}
	return conn, nil
}

func TestListener(t *testing.T) {
	t.Parallel()
	mta, filter := miltertest.Pipe()
	ln := poison.Listener(&oneConn{conn: filter})
	accepted, err := ln.Accept()
	require.NoError(t, err)
	conn, marked := poison.Unmark(accepted)
	assert.True(t, marked)
	assert.Equal(t, filter, conn)

	accepted, err = ln.Accept()
	require.ErrorIs(t, err, errNoMore)
	assert.Nil(t, accepted, "no connection comes with an error")
	require.NoError(t, filter.Close())
	assert.NoError(t, mta.Close())
}

// The address and Close are those of the listener below.
func TestListenerOfTCP(t *testing.T) {
	t.Parallel()
	below, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ln := poison.Listener(below)
	assert.Equal(t, below.Addr(), ln.Addr())
	require.NoError(t, ln.Close())
	_, err = ln.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}
