package dkim_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// query is a DNS query over UDP or TCP.
type query struct {
	network string
	packet  []byte
	n       int // how many came before it over that network
}

// reply is the response of a DNS server: one or several packets, each with a
// delay.
type reply struct {
	after  time.Duration
	packet []byte
}

// serveDNS answers queries over UDP and TCP with the responses of respond. It
// returns the address of the server.
func serveDNS(t *testing.T, respond func(query) []reply) string {
	t.Helper()
	tcp, udp := listenBoth(t)
	done := make(chan struct{}, 2)
	go func() { serveUDP(udp, respond); done <- struct{}{} }()
	go func() { serveTCP(tcp, respond); done <- struct{}{} }()
	t.Cleanup(func() {
		assert.NoError(t, udp.Close())
		assert.NoError(t, tcp.Close())
		<-done
		<-done
	})
	return tcp.Addr().String()
}

// listenBoth listens on one port for TCP and UDP. The port that the system chooses for
// TCP may be taken for UDP, such as by the socket of a client, so it tries others then.
func listenBoth(t *testing.T) (net.Listener, net.PacketConn) {
	t.Helper()
	for tries := 100; ; tries-- {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return tcp, udp
		}
		require.NoError(t, tcp.Close())
		require.Positive(t, tries, err)
	}
}

func serveUDP(conn net.PacketConn, respond func(query) []reply) {
	buf := make([]byte, 2048)
	for n := 0; ; n++ {
		size, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		for _, r := range respond(query{"udp", append([]byte(nil), buf[:size]...), n}) {
			time.AfterFunc(r.after, func() { _, _ = conn.WriteTo(r.packet, from) })
		}
	}
}

func serveTCP(ln net.Listener, respond func(query) []reply) {
	for n := 0; ; n++ {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		go func() {
			answerTCP(conn, n, respond)
			_ = conn.Close()
		}()
	}
}

func answerTCP(conn net.Conn, n int, respond func(query) []reply) {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	packet := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, packet); err != nil {
		return
	}
	replies := respond(query{"tcp", packet, n})
	for _, r := range replies {
		time.Sleep(r.after)
		_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(r.packet))), r.packet...))
	}
	if len(replies) == 0 {
		_, _ = conn.Read(size[:]) // until the client gives up
	}
}

// The parts of a DNS message (RFC 1035 section 4.1).
const (
	dnsHeader = 12
	typeCNAME = 5
	typeTXT   = 16

	rcodeServFail = 2
	rcodeNXDomain = 3
	rcodeRefused  = 5
)

// question returns the encoded name of a query and the bytes after it.
func (q query) question() []byte {
	end := dnsHeader
	for q.packet[end] != 0 {
		end += int(q.packet[end]) + 1
	}
	return q.packet[dnsHeader : end+5]
}

// answer returns a response to a query, with records that rr makes.
func (q query) answer(rcode byte, records ...[]byte) []byte {
	p := append([]byte(nil), q.packet[:2]...)
	p = append(p, 0x81, 0x80|rcode) // a response, with recursion
	p = binary.BigEndian.AppendUint16(p, 1)
	p = binary.BigEndian.AppendUint16(p, uint16(len(records)))
	p = append(append(p, 0, 0, 0, 0), q.question()...)
	for _, r := range records {
		p = append(p, r...)
	}
	return p
}

// truncated is an answer that is cut short.
func (q query) truncated() []byte {
	p := q.answer(0)
	p[2] |= 0x02
	return p
}

// asked is the owner name of a record that answers a query: a pointer to the
// name in the query.
var asked = []byte{0xc0, dnsHeader} //nolint:gochecknoglobals // a constant

func named(labels ...string) []byte {
	var name []byte
	for _, l := range labels {
		name = append(append(name, byte(len(l))), l...)
	}
	return append(name, 0)
}

func rr(owner []byte, kind uint16, data []byte) []byte {
	p := binary.BigEndian.AppendUint16(append([]byte(nil), owner...), kind)
	p = append(p, 0, 1, 0, 0, 0, 60) // of the Internet, for a minute
	return append(binary.BigEndian.AppendUint16(p, uint16(len(data))), data...)
}

// txt returns a TXT record with its text in strings of 255 bytes.
func txt(owner []byte, text string) []byte {
	var data []byte
	for text != "" {
		n := min(len(text), 255)
		data = append(append(data, byte(n)), text[:n]...)
		text = text[n:]
	}
	return rr(owner, typeTXT, data)
}
