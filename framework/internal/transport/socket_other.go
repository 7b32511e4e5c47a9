//go:build !unix

package transport

import (
	"net"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// socket does not exist on this system; Conn uses the connection's Read and Write.
type socket struct{}

func newSocket(net.Conn, *wire.Decoder, time.Duration) *socket { return nil }

func (*socket) fill(bool, func()) (int, error) { return 0, nil }

func (*socket) write([]byte) error { return nil }

func (*socket) sent() {}
