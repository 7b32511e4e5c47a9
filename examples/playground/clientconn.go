package main

import (
	"context"
	"net"
	"sync/atomic"
)

// listener is a [net.Listener] whose connections close when a context ends.
type listener struct {
	net.Listener
	ctx context.Context
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	release := context.AfterFunc(l.ctx, func() { _ = conn.Close() })
	return &clientConn{Conn: conn, release: release}, nil
}

// clientConn is the connection of an SMTP client.
type clientConn struct {
	net.Conn
	release func() bool
	closing atomic.Bool
}

// hangUp makes the server close the connection after the current reply, as the
// reply code 421 requires. It does so by making the next Read fail.
func (c *clientConn) hangUp() { c.closing.Store(true) }

// Read implements [net.Conn].
func (c *clientConn) Read(p []byte) (int, error) {
	if c.closing.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Read(p)
}

// Close implements [net.Conn].
func (c *clientConn) Close() error {
	c.release()
	return c.Conn.Close()
}
