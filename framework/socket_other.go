//go:build !unix

package framework

import (
	"net"

	"github.com/sluicemail/sluice/wire"
)

// socket is nothing here; the link reads with the connection's Read.
type socket struct{}

func newSocket(net.Conn, *wire.Decoder) *socket { return nil }

func (*socket) fill(bool) (int, error) { return 0, nil }
