package listen

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ReachesHosts reports whether other hosts can connect to a listener: it is a TCP
// listener at an address that is not a loopback address. A listener of another type,
// such as one of crypto/tls, may check its peers itself, so ReachesHosts returns
// false for it.
//
// A listener of this package with TLS is open to them unless it asks for client
// certificates. One with the PROXY protocol is open to the balancers alone that its
// address names, unless it names every address.
func ReachesHosts(ln net.Listener) bool {
	if own, ok := ln.(*listener); ok && own.admitsAll() {
		ln = own.tcp
	}
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return false
	}
	addr, ok := tcp.Addr().(*net.TCPAddr)
	return ok && !addr.IP.IsLoopback()
}

// admitsAll reports whether neither client certificates nor the list of balancers limits
// who may connect.
func (l *listener) admitsAll() bool {
	everyone := func(p netip.Prefix) bool { return p.Bits() == 0 }
	return (l.certs == nil || l.certs.clientCA == "") && (l.balancers == nil || slices.ContainsFunc(l.balancers, everyone))
}

// ReachesUsers reports whether every user of this host can connect to a listener: it
// is a unix socket that every user may write to, in folders that every user may
// enter, or an abstract one.
func ReachesUsers(ln net.Listener) bool {
	switch ln.(type) {
	case *net.UnixListener, *unixListener:
	default:
		return false
	}
	path := ln.Addr().String()
	if strings.HasPrefix(path, "@") {
		return true // an abstract socket has no file, and so no mode
	}
	path, err := filepath.Abs(path)
	if err != nil || !othersMay(path, write) {
		return false
	}
	for path != filepath.Dir(path) {
		if path = filepath.Dir(path); !othersMay(path, enter) {
			return false
		}
	}
	return true
}

// The permissions of other users in the mode of a file.
const (
	write = 0o002
	enter = 0o001
)

// othersMay reports whether the mode of a file gives other users a permission. If
// the mode cannot be read, it does not.
func othersMay(path string, permission os.FileMode) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&permission != 0
}
