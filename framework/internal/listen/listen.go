package listen

import (
	"net"
)

// Open opens the socket at an address, one of
//
//	inet:PORT@HOST  inet:HOST:PORT  inet6:…  unix:PATH?OPTIONS  local:…  fd:NAME
//
// as the documentation of framework.Listen describes. "tls:" may come before inet,
// inet6 and fd. Errors name the address. If the address asks for TLS or for the PROXY
// protocol, the listener accepts connections of type *[Conn].
func Open(text string) (net.Listener, error) {
	a, err := parse(text)
	if err != nil {
		return nil, err
	}
	var ln net.Listener
	switch a.kind {
	case "fd":
		ln, err = openSystemd(a)
	case "unix", "local":
		ln, err = openUnix(a)
	default:
		ln, err = openTCP(a)
	}
	if err != nil {
		return nil, err
	}
	return a.wrap(ln)
}

// wrap returns a listener that does what the address asks for above the socket. If it
// fails, it closes the socket.
func (a *address) wrap(ln net.Listener) (net.Listener, error) {
	if !a.wraps() {
		return ln, nil
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		_ = ln.Close()
		return nil, a.error("TLS and the option proxy need a TCP socket")
	}
	wrapped := &listener{tcp: tcp, balancers: a.balancers}
	if a.tls {
		var err error
		if wrapped.certs, err = loadCertificates(a.cert, a.key, a.clientCA); err != nil {
			_ = ln.Close()
			return nil, a.fails(err)
		}
	}
	return wrapped, nil
}

func openTCP(a *address) (net.Listener, error) {
	host, port, err := a.hostPort()
	if err != nil {
		return nil, err
	}
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[a.kind]
	ln, err := net.Listen(network, net.JoinHostPort(host, port))
	return ln, a.fails(err)
}
