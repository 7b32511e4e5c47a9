package listen

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// Adopt returns a listener that another process opened at the address and passed
// to this one, as [Open] would have returned it. That matters for unix sockets: the
// listener knows its final path and removes the file when it is closed, unless
// SetUnlinkOnClose(false) was called on it. The options of a unix socket are not
// applied again. TLS and the PROXY protocol are, because they are above the socket.
func Adopt(text string, ln net.Listener) (net.Listener, error) {
	ul, ok := ln.(*net.UnixListener)
	path, named := SocketPath(text)
	if !ok || !named {
		a, err := parse(text)
		switch {
		case err == nil:
			return a.wrap(ln)
		case strings.HasPrefix(text, "tls:"):
			return nil, err // never without TLS
		}
		return ln, nil // the address is not of this package, and neither was the listener
	}
	own, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", text, err)
	}
	return newUnixListener(ul, path, own), nil
}

// SocketPath returns the path of the unix socket that an address names, and false
// if the address is of another kind.
func SocketPath(text string) (string, bool) {
	kind, rest, _ := strings.Cut(text, ":")
	path, _, _ := strings.Cut(rest, "?")
	return path, path != "" && (kind == "unix" || kind == "local")
}
