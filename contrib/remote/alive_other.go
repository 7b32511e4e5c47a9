//go:build !unix

package remote

import "net"

// alive reports that an idle connection may be open. The first answer will tell.
func alive(net.Conn) bool { return true }
