package mta

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"github.com/sluicemail/sluice/wire"
)

// ErrNotNegotiated is returned by methods that need a negotiation if
// [Conn.Negotiate] has not been called.
var ErrNotNegotiated = errors.New("mta: not negotiated yet")

// Conn is the MTA's end of one milter connection. It is not safe for concurrent
// use.
//
// After an I/O or protocol error the connection cannot be used any further:
// every later call returns the same error. The error is a *[wire.ProtocolError]
// if the filter broke the protocol, and wraps [io.ErrUnexpectedEOF] if the
// filter closed the connection. If the filter took too long, the error wraps
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

// NewConn returns the MTA's end of conn. It sends nothing before
// [Conn.Negotiate]. The caller closes conn itself or by [Conn.Close].
func NewConn(conn net.Conn, cfg Config) *Conn {
	c := &Conn{conn: conn, cfg: cfg.withDefaults()}
	c.dec = wire.NewDecoder(&c.pool, c.cfg.limit(0))
	return c
}

// Dial connects to the filter at addr and negotiates. addr has the form that
// [ParseAddr] accepts. With Config.TLS it speaks TLS.
func Dial(ctx context.Context, addr string, cfg Config) (*Conn, error) {
	network, address, err := ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: cfg.withDefaults().CommandTimeout}
	dial := dialer.DialContext
	if cfg.TLS != nil {
		dial = (&tls.Dialer{NetDialer: dialer, Config: cfg.TLS}).DialContext
	}
	conn, err := dial(ctx, network, address)
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

// Close closes the connection without sending SMFIC_QUIT, as Postfix does after
// a final verdict at CONNECT. [Conn.Quit] sends SMFIC_QUIT first.
func (c *Conn) Close() error {
	if c.err == nil {
		c.err = net.ErrClosed
	}
	return c.conn.Close()
}

// Err returns the error that ended the use of the connection, or nil.
func (c *Conn) Err() error { return c.err }

// fail records the first error and returns it.
func (c *Conn) fail(err error) error {
	if c.err == nil {
		c.err = err
	}
	return c.err
}

// violation records a protocol violation by the filter as the connection's
// error.
func (c *Conn) violation(message, reason string) error {
	return c.fail(&wire.ProtocolError{Message: message, Reason: reason})
}
