package resolvertest

import (
	"net"

	"github.com/miekg/dns"
)

// Listen serves a zone over UDP and TCP on the loopback interface until the test ends, and
// returns the address, such as for Servers in [resolver.Config]. A mistake in the zone ends
// the test.
func Listen(t T, text string, opts ...Option) (address string) {
	t.Helper()
	z, err := parse(text, opts...)
	check(t, err)
	ln, pc := listenBoth(t)
	serve(t, &dns.Server{Listener: ln, Handler: z.handler(false)})
	serve(t, &dns.Server{PacketConn: pc, Handler: z.handler(true)})
	return ln.Addr().String()
}

// handler answers queries from the zone.
func (z *zone) handler(udp bool) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := z.answer(q)
		if udp {
			m = fit(q, m)
		}
		if m != nil {
			_ = w.WriteMsg(m) // the client may have gone
		}
	}
}

// serve runs a server until the test ends.
func serve(t T, s *dns.Server) {
	started, done := make(chan struct{}), make(chan error, 1)
	s.NotifyStartedFunc = func() { close(started) }
	go func() { done <- s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		_ = s.Shutdown() // nil, because it has started
		if err := <-done; err != nil {
			t.Errorf("resolvertest: %v", err)
		}
	})
}

// listenBoth listens on one port for TCP and UDP. The port that the system chooses for
// TCP may be taken for UDP, such as by the socket of a client, so it tries others then.
func listenBoth(t T) (net.Listener, net.PacketConn) {
	t.Helper()
	for tries := 100; ; tries-- {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		pc, err := net.ListenPacket("udp", ln.Addr().String())
		if err == nil {
			return ln, pc
		}
		_ = ln.Close()
		if tries == 0 {
			check(t, err)
		}
	}
}
