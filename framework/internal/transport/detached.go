package transport

import "net"

// detachedConn reads first what the decoder had read already.
type detachedConn struct {
	net.Conn
	unread []byte
}

// Read implements net.Conn.
func (c *detachedConn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}
