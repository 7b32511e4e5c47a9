//go:build !unix

package framework

import (
	"net"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// socket is nothing here; the link uses the connection's Read and Write.
type socket struct{}

func newSocket(net.Conn, *wire.Decoder, time.Duration) *socket { return nil }

func (*socket) fill(bool, func()) (int, error) { return 0, nil }

func (*socket) write([]byte) error { return nil }

func (*socket) sent() {}
