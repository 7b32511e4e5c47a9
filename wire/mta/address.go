package mta

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// ParseAddr parses the address of a milter in the notation of MTAs and filters.
// It returns the arguments for [net.Dial]:
//
//	inet:9000@127.0.0.1   inet:127.0.0.1:9000   inet:9000
//	inet6:9000@::1        inet6:[::1]:9000
//	unix:/run/x.sock      local:/run/x.sock     /run/x.sock
//
// The host defaults to the loopback interface.
func ParseAddr(s string) (network, address string, err error) {
	scheme, rest, found := strings.Cut(s, ":")
	if strings.HasPrefix(s, "/") || !found {
		scheme, rest = "unix", s
	}
	if rest == "" {
		return "", "", fmt.Errorf("mta: address %q is empty", s)
	}
	switch strings.ToLower(scheme) {
	case "unix", "local":
		return "unix", rest, nil
	case "inet":
		address, err = parseInet(rest, "127.0.0.1")
		return "tcp", address, err
	case "inet6":
		address, err = parseInet(rest, "::1")
		return "tcp6", address, err
	}
	return "", "", fmt.Errorf("mta: address %q: unknown scheme, want inet, inet6, unix or local", s)
}

// parseInet parses PORT@HOST, HOST:PORT or PORT.
func parseInet(s, loopback string) (string, error) {
	port, host, found := strings.Cut(s, "@")
	switch {
	case found:
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	case strings.Contains(s, ":"):
		var err error
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", fmt.Errorf("mta: address %q: %w", s, err)
		}
	}
	if host == "" {
		host = loopback
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("mta: address %q has no port between 1 and 65535", s)
	}
	return net.JoinHostPort(host, port), nil
}
