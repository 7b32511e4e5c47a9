package mailauth_test

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// nameserver is a name server over UDP and TCP on the loopback interface, which may misbehave.
type nameserver struct {
	texts map[string]string // the TXT records, by name in lower case with a dot at the end

	delay     time.Duration
	silent    bool // it answers nothing
	nothing   bool // it says NXDOMAIN for all names
	otherName bool // it answers for another name
	truncated bool // over UDP it says that the answer is only to be had over TCP
	padding   int  // further texts of 200 bytes in each answer
	garbage   bool // it answers with what is no message

	asked func(name string) // if not nil, it is called before each answer, which waits for it

	queries atomic.Int32

	over chan struct{} // closed when the test ends
}

// start serves until the test ends, and returns a resolver that asks the server.
func (n *nameserver) start(t *testing.T, cfg resolver.Config) *resolver.Resolver {
	t.Helper()
	var ln net.Listener
	var pc net.PacketConn
	for range 100 { // the port may be taken for UDP
		var err error
		ln, err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		if pc, err = net.ListenPacket("udp", ln.Addr().String()); err == nil {
			break
		}
		require.NoError(t, ln.Close())
	}
	require.NotNil(t, pc)
	n.over = make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { n.serveUDP(pc, &all) })
	all.Go(func() { n.serveTCP(ln, &all) })
	t.Cleanup(func() {
		_, _ = pc.Close(), ln.Close()
		close(n.over)
		all.Wait()
	})
	cfg.Servers = []string{pc.LocalAddr().String()}
	dns, err := resolver.New(cfg)
	require.NoError(t, err)
	return dns
}

func (n *nameserver) serveUDP(pc net.PacketConn, all *sync.WaitGroup) {
	buf := make([]byte, 4096)
	for {
		size, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		query := append([]byte{}, buf[:size]...)
		all.Go(func() {
			if answer := n.answer(query, n.truncated); answer != nil {
				_, _ = pc.WriteTo(answer, from)
			}
		})
	}
}

func (n *nameserver) serveTCP(ln net.Listener, all *sync.WaitGroup) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		all.Go(func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			var size [2]byte
			for {
				if _, err := io.ReadFull(conn, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(conn, query); err != nil {
					return
				}
				answer := n.answer(query, false)
				if answer == nil {
					return
				}
				if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		})
	}
}

// answer returns the answer to a query, or nil if there is none.
func (n *nameserver) answer(packet []byte, truncated bool) []byte {
	n.queries.Add(1)
	select {
	case <-time.After(n.delay):
	case <-n.over:
	}
	var query dnsmessage.Message
	if n.silent || query.Unpack(packet) != nil || len(query.Questions) != 1 {
		return nil
	}
	if n.garbage {
		return append(packet[:2:2], strings.Repeat("garbage", 20)...)
	}
	q := query.Questions[0]
	if n.asked != nil {
		n.asked(strings.ToLower(q.Name.String()))
	}
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true, Truncated: truncated},
		Questions: query.Questions,
	}
	text, ok := n.texts[strings.ToLower(q.Name.String())]
	switch {
	case n.nothing || !ok:
		reply.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeTXT && !truncated:
		name := q.Name
		if n.otherName {
			name = dnsmessage.MustNewName("other." + name.String())
			reply.Questions[0].Name = name
		}
		reply.Answers = append(reply.Answers, textRecord(name, text))
		for range n.padding {
			reply.Answers = append(reply.Answers, textRecord(name, strings.Repeat("x", 200)))
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func textRecord(name dnsmessage.Name, text string) dnsmessage.Resource {
	var parts []string
	for len(text) > 200 {
		parts, text = append(parts, text[:200]), text[200:]
	}
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET, TTL: 3600},
		Body:   &dnsmessage.TXTResource{TXT: append(parts, text)},
	}
}
