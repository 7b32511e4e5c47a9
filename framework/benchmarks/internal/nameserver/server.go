package nameserver

import (
	"errors"
	"maps"
	"net"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Server is a running name server. Its methods are safe for concurrent use.
type Server struct {
	zone    *zone
	servers []*dns.Server
	done    chan error

	mu      sync.Mutex
	silent  bool
	queries map[string]int
}

// Start serves a master file at an address of this host, such as "127.0.0.53:53". The text
// is all that exists: there are no delegations, wildcards or aliases.
func Start(address, text string) (*Server, error) {
	z, err := parse(text)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	pc, err := net.ListenPacket("udp", ln.Addr().String())
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	s := &Server{zone: z, queries: make(map[string]int), done: make(chan error, 2)}
	s.serve(&dns.Server{Listener: ln, Handler: s.handler(false)})
	s.serve(&dns.Server{PacketConn: pc, Handler: s.handler(true)})
	return s, nil
}

func (s *Server) serve(server *dns.Server) {
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go func() { s.done <- server.ActivateAndServe() }()
	<-started
	s.servers = append(s.servers, server)
}

// Address returns the host and port of the server.
func (s *Server) Address() string { return s.servers[0].Listener.Addr().String() }

// Close ends the server. Clients are then told by the system that no server is there.
func (s *Server) Close() (err error) {
	for _, server := range s.servers {
		err = errors.Join(err, server.Shutdown())
	}
	for range s.servers {
		err = errors.Join(err, <-s.done)
	}
	return err
}

// Silence makes the server answer nothing, as if no packet reached it. It still counts
// queries.
func (s *Server) Silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

// Take returns the number of queries since the last call, by name and type, such as
// "example.org TXT".
func (s *Server) Take() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := maps.Clone(s.queries)
	clear(s.queries)
	return taken
}

// count counts a query and reports whether the server is silent.
func (s *Server) count(q dns.Question) (silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries[strings.TrimSuffix(dns.CanonicalName(q.Name), ".")+" "+dns.TypeToString[q.Qtype]]++
	return s.silent
}

func (s *Server) handler(udp bool) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if len(q.Question) != 1 || s.count(q.Question[0]) {
			return
		}
		m := s.zone.answer(q)
		if size := dns.MinMsgSize; udp {
			if opt := q.IsEdns0(); opt != nil {
				size = max(size, int(opt.UDPSize()))
			}
			m.Truncate(size)
		}
		_ = w.WriteMsg(m) // the client may have gone
	}
}
