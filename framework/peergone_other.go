//go:build !unix

package framework

import "net"

// peerGone cannot tell here; a progress report that cannot be written will.
func peerGone(net.Conn) bool { return false }
