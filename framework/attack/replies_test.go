//go:build integration

package attack_test

import (
	"bytes"
	"fmt"
	"net"

	"github.com/sluicemail/sluice/wire"
)

// checked is a connection that checks each byte that a program sends. The bytes
// must be frames with well-formed replies, and the first of them must answer the
// offer.
type checked struct {
	net.Conn

	offer   *wire.Negotiate // or nil if there was no valid one
	pool    wire.BufferPool
	dec     *wire.Decoder
	replies int
	fault   error
	log     *transcript // or nil
}

func newChecked(conn net.Conn, offer *wire.Negotiate, log *transcript) *checked {
	c := &checked{Conn: conn, offer: offer, log: log}
	c.dec = wire.NewDecoder(&c.pool, wire.DefaultLimit)
	return c
}

// Read implements [net.Conn].
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.log.add("<", p[:n])
	c.check(p[:n])
	return n, err
}

// Write implements [net.Conn].
func (c *checked) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.log.add(">", p[:n])
	return n, err
}

// check looks at bytes that were read.
func (c *checked) check(p []byte) {
	for in := bytes.NewReader(p); in.Len() > 0 && c.fault == nil; {
		if _, err := c.dec.Fill(in); err != nil {
			c.fault = err
			return
		}
		for c.fault == nil {
			f, ok, err := c.dec.Next()
			if c.fault = err; err != nil || !ok {
				break
			}
			c.fault = c.checkFrame(f)
		}
	}
}

func (c *checked) checkFrame(f wire.Frame) error {
	c.replies++
	reply, err := wire.ParseReply(f)
	if err != nil || c.replies > 1 {
		return err
	}
	answer, ok := reply.(*wire.Negotiate)
	switch {
	case !ok:
		return fmt.Errorf("the first reply is %v", reply)
	case c.offer == nil:
		return nil
	case answer.Version > c.offer.Version || answer.Actions&^c.offer.Actions != 0 || answer.Protocol&^c.offer.Protocol != 0:
		return fmt.Errorf("%v is not part of the offer %v", answer, c.offer)
	}
	return nil
}

// ended returns what is wrong when the program has closed the connection.
func (c *checked) ended() error {
	if c.fault == nil && c.dec.Buffered() > 0 {
		return fmt.Errorf("the program ended the connection after %d bytes of a reply", c.dec.Buffered())
	}
	return c.fault
}
