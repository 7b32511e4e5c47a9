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
// SetUnlinkOnClose(false) was called on it. The options of the address are not
// applied again.
func Adopt(address string, ln net.Listener) (net.Listener, error) {
	ul, ok := ln.(*net.UnixListener)
	path, named := SocketPath(address)
	if !ok || !named {
		return ln, nil
	}
	own, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("framework: address %q: %w", address, err)
	}
	return newUnixListener(ul, path, own), nil
}

// SocketPath returns the path of the unix socket that an address names, and false
// if the address is of another kind.
func SocketPath(address string) (string, bool) {
	kind, rest, _ := strings.Cut(address, ":")
	path, _, _ := strings.Cut(rest, "?")
	return path, path != "" && (kind == "unix" || kind == "local")
}
