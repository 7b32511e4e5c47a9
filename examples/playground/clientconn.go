package main

import (
	"context"
	"net"
	"sync/atomic"
)

// listener hands out connections that end with a context.
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
	over    atomic.Bool
}

// hangUp has the server close the connection after the reply that is under
// way, as the code 421 promises: nothing more is read.
func (c *clientConn) hangUp() { c.over.Store(true) }

// Read implements [net.Conn].
func (c *clientConn) Read(p []byte) (int, error) {
	if c.over.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Read(p)
}

// Close implements [net.Conn].
func (c *clientConn) Close() error {
	c.release()
	return c.Conn.Close()
}
