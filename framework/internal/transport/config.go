package transport

import (
	"errors"
	"time"

	"github.com/sluicemail/sluice/wire"
)

// Timeouts bound the waits of a connection.
type Timeouts struct {
	// Idle bounds the time between two frames.
	Idle time.Duration
	// Frame bounds the time from a frame's first byte to its last.
	Frame time.Duration
	// Write bounds one write.
	Write time.Duration
	// DrainGrace is how long a connection without an open message may stay idle
	// after the server began to shut down.
	DrainGrace time.Duration
}

// Config is what the connections of a server have in common. It must not change
// while a connection uses it.
type Config struct {
	Timeouts
	// Limit is the largest length that a frame may announce, in bytes. SetLimit
	// changes it for one connection.
	Limit int
	// Pool is where the read buffers come from.
	Pool *wire.BufferPool
	// Drain tells when the server shuts down.
	Drain *Drain
}

// Errors of [Conn.First] and [Conn.Next].
var (
	// ErrIdle ends a connection that was silent for longer than Timeouts.Idle.
	ErrIdle = errors.New("framework: idle timeout")
	// ErrSlow ends a connection on which a frame took longer than
	// Timeouts.Frame.
	ErrSlow = errors.New("framework: timeout within a command")
	// ErrDrained ends an idle connection of a server that shuts down.
	ErrDrained = errors.New("framework: the server is shutting down")
	// ErrNoOffer ends a connection on which the first command did not arrive in
	// time.
	ErrNoOffer = errors.New("framework: timeout before the negotiation")
	// ErrSlowPeer ends a connection on which a write took longer than
	// Timeouts.Write.
	ErrSlowPeer = errors.New("framework: timeout of a write")
	// ErrClosed ends a connection that the server closed.
	ErrClosed = errors.New("framework: server closed")
	// ErrProbe ends a connection on which no data arrived: a port probe or a
	// health check.
	ErrProbe = errors.New("framework: no data before close")
)
