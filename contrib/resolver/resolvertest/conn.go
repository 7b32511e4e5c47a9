package resolvertest

import (
	"encoding/binary"
	"net"

	"github.com/miekg/dns"
)

// conn is a connection to a zone in memory. A pipe keeps the deadlines. Each query is
// answered beside the resolver, as by a server.
type conn struct {
	net.Conn          // the end of the resolver
	server   net.Conn // the other end
	zone     *zone
	tcp      bool
}

func newConn(z *zone, network string) *conn {
	near, far := net.Pipe()
	return &conn{Conn: near, server: far, zone: z, tcp: network == "tcp"}
}

// Write takes a query. The answer waits until the resolver reads it or closes the
// connection.
func (c *conn) Write(packet []byte) (int, error) {
	text := packet
	if c.tcp {
		text = packet[min(2, len(packet)):] // without its length
	}
	q := new(dns.Msg)
	if err := q.Unpack(text); err != nil {
		return 0, err
	}
	m := c.zone.answer(q)
	if m == nil {
		return len(packet), nil
	}
	if !c.tcp {
		m = fit(q, m)
	}
	answer, err := m.Pack()
	if err != nil {
		return 0, err
	}
	if c.tcp {
		answer = append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...) //nolint:gosec // Pack makes no larger packet
	}
	go func() { _, _ = c.server.Write(answer) }() // the error that the resolver has gone
	return len(packet), nil
}

// Close ends both ends.
func (c *conn) Close() error {
	_ = c.server.Close() // a pipe returns no error
	return c.Conn.Close()
}
