package mta

import (
	"context"
	"errors"
	"net"

	"github.com/sluicemail/sluice/wire"
)

// ErrNotNegotiated is returned by what needs a negotiation before it.
var ErrNotNegotiated = errors.New("mta: nothing was negotiated yet")

// Conn is the MTA's end of one milter connection. It is for one goroutine.
//
// After an error of a stage the connection is of no more use: the error is
// kept, and every later call returns it. A filter that breaks the protocol
// is a *[wire.ProtocolError], a filter that hangs up is
// [io.ErrUnexpectedEOF], and one that takes too long is
// [os.ErrDeadlineExceeded] or the context's error.
type Conn struct {
	conn       net.Conn
	cfg        Config
	pool       wire.BufferPool
	dec        *wire.Decoder
	out        []byte
	negotiated *wire.Negotiate
	skipped    wire.CommandCode
	session    session
	err        error
}

// NewConn returns the MTA's end of conn. Nothing is sent before
// [Conn.Negotiate]. The connection is the caller's to close, or [Conn.Close]'s.
func NewConn(conn net.Conn, cfg Config) *Conn {
	c := &Conn{conn: conn, cfg: cfg.withDefaults()}
	c.dec = wire.NewDecoder(&c.pool, c.cfg.limit(0))
	return c
}

// Dial connects to the filter at addr, as [ParseAddr] reads it, and
// negotiates.
func Dial(ctx context.Context, addr string, cfg Config) (*Conn, error) {
	network, address, err := ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: cfg.withDefaults().CommandTimeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := NewConn(conn, cfg)
	if err := c.Negotiate(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the connection without a word, as Postfix does after a final
// verdict at CONNECT. See [Conn.Quit] for the polite way.
func (c *Conn) Close() error {
	if c.err == nil {
		c.err = net.ErrClosed
	}
	return c.conn.Close()
}

// Err returns the error that made the connection useless, or nil.
func (c *Conn) Err() error { return c.err }

// fail keeps the first error.
func (c *Conn) fail(err error) error {
	if c.err == nil {
		c.err = err
	}
	return c.err
}

// violation breaks the connection over something that the filter did.
func (c *Conn) violation(message, reason string) error {
	return c.fail(&wire.ProtocolError{Message: message, Reason: reason})
}
