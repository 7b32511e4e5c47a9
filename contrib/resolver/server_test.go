package resolver_test

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// server is a DNS server over UDP and TCP on the loopback interface.
type server struct {
	address  string
	udp, tcp atomic.Int32 // the queries that came
}

// serve starts a server that answers with a handler.
func serve(t testing.TB, handler dns.HandlerFunc) *server {
	t.Helper()
	ln, pc := listenBoth(t)
	s := &server{address: ln.Addr().String()}
	s.start(t, handler, &dns.Server{Listener: ln, ReadTimeout: patient})
	s.start(t, handler, &dns.Server{PacketConn: pc})
	return s
}

// serveUDP starts a server that refuses connections over TCP.
func serveUDP(t testing.TB, handler dns.HandlerFunc) *server {
	t.Helper()
	ln, pc := listenBoth(t)
	require.NoError(t, ln.Close())
	s := &server{address: pc.LocalAddr().String()}
	s.start(t, handler, &dns.Server{PacketConn: pc})
	return s
}

// start serves one of the protocols until the test ends.
func (s *server) start(t testing.TB, handler dns.HandlerFunc, d *dns.Server) {
	t.Helper()
	d.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if isTCP(w) {
			s.tcp.Add(1)
		} else {
			s.udp.Add(1)
		}
		handler(w, q)
	})
	started, done := make(chan struct{}), make(chan error, 1)
	d.NotifyStartedFunc = func() { close(started) }
	go func() { done <- d.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		_ = d.ShutdownContext(ctx)
		assert.NoError(t, <-done)
	})
}

// listenBoth listens on one port for TCP and UDP. The port that the system chooses for
// TCP may be taken for UDP, such as by the socket of a client, so it tries others then.
func listenBoth(t testing.TB) (net.Listener, net.PacketConn) {
	t.Helper()
	for tries := 100; ; tries-- {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		pc, err := net.ListenPacket("udp", ln.Addr().String())
		if err == nil {
			return ln, pc
		}
		require.NoError(t, ln.Close())
		require.Positive(t, tries, err)
	}
}

func isTCP(w dns.ResponseWriter) bool { return w.RemoteAddr().Network() == "tcp" }

// zone answers with the records of a text in the form of zone files.
func zone(t testing.TB, text ...string) dns.HandlerFunc {
	t.Helper()
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := reply(q)
		m.Answer = records(t, text...)
		_ = w.WriteMsg(m)
	}
}

func records(t testing.TB, text ...string) (list []dns.RR) {
	t.Helper()
	for _, line := range text {
		rr, err := dns.NewRR(line)
		require.NoError(t, err)
		list = append(list, rr)
	}
	return list
}

// reply returns an empty answer of a recursive server.
func reply(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable, m.Compress = true, true
	return m
}

// code answers with a code.
func code(rcode int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := reply(q)
		m.Rcode = rcode
		_ = w.WriteMsg(m)
	}
}

func silent(dns.ResponseWriter, *dns.Msg) {}

// truncating tells clients over UDP to use TCP.
func truncating(next dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if isTCP(w) {
			next(w, q)
			return
		}
		m := reply(q)
		m.Truncated = true
		_ = w.WriteMsg(m)
	}
}

// raw answers with the packet of another handler after a change.
func raw(t testing.TB, from func(q *dns.Msg) *dns.Msg, change func(packet []byte) []byte) dns.HandlerFunc {
	t.Helper()
	return func(w dns.ResponseWriter, q *dns.Msg) {
		packet, err := from(q).Pack()
		assert.NoError(t, err)
		_, _ = w.Write(change(packet))
	}
}

func create(t testing.TB, cfg resolver.Config) *resolver.Resolver {
	t.Helper()
	r, err := resolver.New(cfg)
	require.NoError(t, err)
	return r
}

// Timeouts of lookups. The servers are on this machine, which may be busy: patient is
// for lookups that get an answer, and brief for those that do not.
const (
	patient = time.Minute
	brief   = 500 * time.Millisecond
)

// asking returns a resolver for tests whose servers answer.
func asking(t testing.TB, servers ...string) *resolver.Resolver {
	t.Helper()
	return create(t, resolver.Config{Servers: servers, Timeout: patient})
}

func itoa(i int) string { return strconv.Itoa(i) }
