package inspecting

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// MaxConnections is the number of connections that are open at the same time, those of
// browsers that follow the list among them. For each further one the page closes another: see
// connections.
const MaxConnections = 100

// connections bounds the open connections of an HTTP server. If newcomers had to wait for a
// place, clients that hold connections without a request would keep all others out. So a
// newcomer takes the place of another connection: of one that waits for its client, if there
// is one.
type connections struct {
	mu    sync.Mutex
	open  map[net.Conn]*connection
	count uint64 // of changes, which orders them
}

// connection is an open connection.
type connection struct {
	conn net.Conn
	peer string
	doing
	since uint64 // when it began to do that
}

// doing is what the server does on a connection. A lower value is closed first.
type doing int

const (
	waits   doing = iota // for a request, or for the rest of one
	answers              // a request that has come whole
	follows              // sends events: the page limits their number, and none is closed for others
)

// doingFor returns what the server does while it handles a request.
func doingFor(r *http.Request) doing {
	switch {
	case r.ContentLength != 0:
		return waits // the body is read while the request is handled
	case r.Method == http.MethodGet && r.URL.Path == "/api/events":
		return follows
	}
	return answers
}

// connectionKey is the key of the connection in the context of a request.
type connectionKey struct{}

// enter is for http.Server.ConnContext, which is called before the next connection is
// accepted.
func (c *connections) enter(ctx context.Context, conn net.Conn) context.Context {
	newcomer := &connection{conn: conn, peer: peerOf(conn.RemoteAddr())}
	if other := c.add(newcomer); other != nil {
		_ = other.conn.Close() // its request, if it has one, ends in an error
	}
	return context.WithValue(ctx, connectionKey{}, newcomer)
}

// add adds a connection and removes another if there are too many. It returns that one.
func (c *connections) add(newcomer *connection) (other *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[net.Conn]*connection)
	}
	if len(c.open) >= MaxConnections {
		if other = c.leastUseful(); other == nil {
			other = newcomer
		}
		delete(c.open, other.conn)
	}
	if other != newcomer {
		c.open[newcomer.conn] = newcomer
		c.set(newcomer, waits)
	}
	return other
}

// leastUseful returns the connection to close: one that waits for its client rather than one
// with a request, then one of the peer that has most, then the one that has waited longest. It
// returns nil if all send events.
func (c *connections) leastUseful() (least *connection) {
	ofPeer := make(map[string]int)
	for _, o := range c.open {
		ofPeer[o.peer]++
	}
	before := func(a, b *connection) bool {
		switch {
		case a.doing != b.doing:
			return a.doing < b.doing
		case ofPeer[a.peer] != ofPeer[b.peer]:
			return ofPeer[a.peer] > ofPeer[b.peer]
		}
		return a.since < b.since
	}
	for _, o := range c.open {
		if o.doing != follows && (least == nil || before(o, least)) {
			least = o
		}
	}
	return least
}

// changed is for http.Server.ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.open[conn]
	switch {
	case of == nil: // it was closed for another
	case state == http.StateIdle:
		c.set(of, waits)
	case state == http.StateClosed:
		delete(c.open, conn)
	}
}

// begin notes that a handler runs for a request, until the function that it returns is called.
// The end of an answer may be written later, until the server calls changed.
func (c *connections) begin(r *http.Request) (end func()) {
	of, ok := r.Context().Value(connectionKey{}).(*connection)
	if !ok {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(of, doingFor(r))
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if of.doing == follows {
			c.set(of, waits)
		}
	}
}

// set sets what a connection does. The caller holds the mutex.
func (c *connections) set(of *connection, now doing) {
	c.count++
	of.doing, of.since = now, c.count
}

// peerOf returns the name under which connections of a peer are counted: its IP address, or
// its network of 64 bits if that is IPv6, because one host may have all of its addresses.
func peerOf(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return ""
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !ip.Is6() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
