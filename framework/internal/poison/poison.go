package poison

import "net"

type marked struct{ net.Conn }

// Conn marks a connection.
func Conn(conn net.Conn) net.Conn { return marked{conn} }

// Unmark returns the connection itself, and whether it was marked.
func Unmark(conn net.Conn) (net.Conn, bool) {
	if m, ok := conn.(marked); ok {
		return m.Conn, true
	}
	return conn, false
}

// Listener marks all connections that the listener accepts.
func Listener(ln net.Listener) net.Listener { return listener{ln} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Conn(conn), nil
}
