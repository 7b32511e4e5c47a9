package framework

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Listen opens a socket at an address in the syntax of MTAs and libmilter:
//
//	inet:9000@127.0.0.1   inet:127.0.0.1:9000   inet:9000
//	inet6:9000@::1        inet6:[::1]:9000
//	unix:/run/filter.sock   local:/run/filter.sock
//	unix:/run/filter.sock?mode=0660&owner=filter&group=postfix
//	fd:NAME
//
// A port without a host listens on all addresses. A unix socket is given its
// mode, owner and group before anyone can connect; the mode is 0660 unless it
// is given. A socket file that nobody listens on is replaced, a live one is an
// error. fd: takes over a socket that systemd passed under that name
// (LISTEN_FDNAMES), or under that number, counted from 0.
func Listen(address string) (net.Listener, error) {
	kind, rest, ok := strings.Cut(address, ":")
	if !ok || rest == "" {
		return nil, addressError(address, "want inet:PORT@HOST, inet6:PORT@HOST, unix:PATH or fd:NAME")
	}
	switch kind {
	case "inet", "inet6":
		return listenTCP(address, kind, rest)
	case "unix", "local":
		return listenUnix(address, rest)
	case "fd":
		return listenFD(address, rest)
	}
	return nil, addressError(address, "no such kind of address: "+kind)
}

func addressError(address, reason string) error {
	return fmt.Errorf("framework: address %q: %s", address, reason)
}

func listenTCP(address, kind, rest string) (net.Listener, error) {
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[kind]
	host, port := "", rest
	if p, h, ok := strings.Cut(rest, "@"); ok {
		host, port = strings.Trim(h, "[]"), p
	} else if h, p, err := net.SplitHostPort(rest); err == nil {
		host, port = h, p
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, addressError(address, "the port is no number from 0 to 65535")
	}
	ln, err := net.Listen(network, net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	return ln, nil
}
