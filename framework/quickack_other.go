//go:build !linux

package framework

import "net"

// quickAck does nothing where the kernel has no such option.
func quickAck(net.Conn) func() { return nil }
