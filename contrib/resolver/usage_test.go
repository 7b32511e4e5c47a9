package resolver_test

import (
	"bytes"
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// running returns the number of goroutines of lookups and their callers.
func running() (n int) {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		if bytes.Contains(stack, []byte("resolver.(*Resolver)")) {
			n++
		}
	}
	return n
}

// peak is the highest of some numbers. It is safe for concurrent use.
type peak struct {
	mu sync.Mutex
	n  int
}

func (p *peak) note(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n = max(p.n, n)
}

// counted dials, and fails the test if more connections are open than allowed.
func counted(t testing.TB, open *atomic.Int32, most int32) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if n := open.Add(1); n > most {
			t.Errorf("%d connections are open", n)
		}
		return &countedConn{Conn: conn, open: open}, nil
	}
}

type countedConn struct {
	net.Conn
	open *atomic.Int32
}

func (c *countedConn) Close() error {
	c.open.Add(-1)
	return c.Conn.Close()
}
