package listen

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Open opens the socket at an address, one of
//
//	inet:PORT@HOST  inet:HOST:PORT  inet6:…  unix:PATH?OPTIONS  local:…  fd:NAME
//
// as the documentation of framework.Listen describes. Errors name the address.
func Open(address string) (net.Listener, error) {
	kind, rest, ok := strings.Cut(address, ":")
	if !ok || rest == "" {
		return nil, addressError(address, "want inet:PORT@HOST, inet6:PORT@HOST, unix:PATH or fd:NAME")
	}
	switch kind {
	case "inet", "inet6":
		return openTCP(address, kind, rest)
	case "unix", "local":
		return openUnix(address, rest)
	case "fd":
		return openSystemd(address, rest)
	}
	return nil, addressError(address, "no such kind of address: "+kind)
}

func addressError(address, reason string) error {
	return fmt.Errorf("framework: address %q: %s", address, reason)
}

func openTCP(address, kind, rest string) (net.Listener, error) {
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
