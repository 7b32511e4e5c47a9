package main

import (
	"bytes"
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
	release  func() bool
	closing  atomic.Bool
	commands commandLines
	content  lineEnds
}

// hangUp makes the server close the connection after the current reply, as the
// reply code 421 requires. It does so by making the next Read fail.
func (c *clientConn) hangUp() { c.closing.Store(true) }

// Read implements [net.Conn].
func (c *clientConn) Read(p []byte) (int, error) {
	if c.closing.Load() {
		return 0, net.ErrClosed
	}
	for len(c.commands.ready) == 0 {
		if err := c.commands.err(); err != nil {
			return 0, err
		}
		n, err := c.content.read(c.Conn, p)
		if c.content.inContent {
			return n, err
		}
		if content, isData := c.commands.add(p[:n]); isData {
			c.content.begin(content)
		}
		if err != nil && len(c.commands.ready) == 0 {
			return 0, err
		}
	}
	return c.commands.take(p), nil
}

// Write implements [net.Conn]. The server's reply 354 asks for the content of a message,
// and its next reply is about that content. Another reply to DATA means that no content
// follows.
func (c *clientConn) Write(p []byte) (int, error) {
	c.content.inContent = bytes.HasPrefix(p, []byte("354 "))
	return c.Conn.Write(p)
}

// Close implements [net.Conn].
func (c *clientConn) Close() error {
	c.release()
	return c.Conn.Close()
}
