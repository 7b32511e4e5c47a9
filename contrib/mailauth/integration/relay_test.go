//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// relay passes queries on to a name server, and treats its answers as a bad network or an attacker
// does.
type relay struct {
	to       string
	treat    atomic.Pointer[treatment]
	queries  atomic.Int64
	serving  sync.WaitGroup
	ctx      context.Context
	listener net.Listener
	packets  net.PacketConn
}

// treatment returns what a client gets instead of an answer, in this order.
type treatment func(ctx context.Context, answer []byte) [][]byte

func honest(_ context.Context, answer []byte) [][]byte { return [][]byte{answer} }

func silent(context.Context, []byte) [][]byte { return nil }

// slow answers after a time.
func slow(wait time.Duration) treatment {
	return func(ctx context.Context, answer []byte) [][]byte {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		return [][]byte{answer}
	}
}

// lying answers what would authenticate any client, under another ID and for another question.
func lying(_ context.Context, answer []byte) [][]byte {
	lie := bytes.ReplaceAll(answer, []byte("-all"), []byte("+all"))
	lie[3] &^= 0x0f // and that there is no error
	lie[1]++
	other := bytes.Clone(lie)
	other[1]--
	if len(other) > 13 {
		other[13] ^= 1 // in the name of the question
	}
	return [][]byte{lie, other, lie}
}

// lyingFirst sends the lies, and then the truth.
func lyingFirst(ctx context.Context, answer []byte) [][]byte {
	return append(lying(ctx, answer), answer)
}

// startRelay starts a relay, which ends with the test.
func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	r := &relay{to: to}
	r.set(honest)
	for {
		var err error
		r.listener, err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		if r.packets, err = net.ListenPacket("udp", r.listener.Addr().String()); err == nil {
			break
		}
		_ = r.listener.Close() // the port is taken for UDP
	}
	var cancel context.CancelFunc
	r.ctx, cancel = context.WithCancel(context.Background())
	r.serving.Go(r.serveUDP)
	r.serving.Go(r.serveTCP)
	t.Cleanup(func() {
		cancel()
		_ = r.listener.Close()
		_ = r.packets.Close()
		r.serving.Wait()
	})
	return r
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) set(t treatment) { r.treat.Store(&t) }

// relayTimeout limits the wait for the name server.
const relayTimeout = time.Minute

func (r *relay) serveUDP() {
	for {
		buf := make([]byte, 4096)
		n, from, err := r.packets.ReadFrom(buf)
		if err != nil {
			return
		}
		r.queries.Add(1)
		r.serving.Go(func() {
			answer, err := r.ask("udp", buf[:n])
			if err != nil {
				return
			}
			for _, packet := range (*r.treat.Load())(r.ctx, answer) {
				_, _ = r.packets.WriteTo(packet, from)
			}
		})
	}
}

func (r *relay) serveTCP() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.queries.Add(1)
		r.serving.Go(func() {
			defer func() { _ = conn.Close() }()
			defer context.AfterFunc(r.ctx, func() { _ = conn.Close() })()
			for {
				query, err := readPacket(conn)
				if err != nil {
					return
				}
				answer, err := r.ask("tcp", query)
				if err != nil {
					return
				}
				for _, packet := range (*r.treat.Load())(r.ctx, answer) {
					_, _ = conn.Write(framed(packet))
				}
			}
		})
	}
}

// ask asks the name server.
func (r *relay) ask(network string, query []byte) ([]byte, error) {
	conn, err := new(net.Dialer).DialContext(r.ctx, network, r.to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(relayTimeout))
	if network == "tcp" {
		if _, err := conn.Write(framed(query)); err != nil {
			return nil, err
		}
		return readPacket(conn)
	}
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, 65535)
	n, err := conn.Read(buf)
	return buf[:n], err
}

// framed returns a packet with its length, as TCP has it.
func framed(packet []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
}

func readPacket(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, packet)
	return packet, err
}
