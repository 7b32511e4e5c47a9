package realmta

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Sink is an SMTP server on a loopback port that keeps what it is given. It
// takes SMTPUTF8, 8BITMIME and DSN, so that a server has no reason to convert
// a message on its way. Its methods may be called from several goroutines.
type Sink struct {
	addr string

	mu        sync.Mutex
	delivered []Delivered
	conns     []net.Conn
	closed    bool
}

// StartSink starts a sink and stops it when the test ends.
func StartSink(t testing.TB) *Sink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	sink := &Sink{addr: listener.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() { sink.serve(listener, &running) })
	t.Cleanup(func() {
		_ = listener.Close()
		sink.closeConns()
		running.Wait()
	})
	return sink
}

// Addr returns the host and port of the sink.
func (s *Sink) Addr() string { return s.addr }

// Delivered returns the messages that have arrived since the start or the
// last Reset, in the order of their arrival.
func (s *Sink) Delivered() []Delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.delivered)
}

// Reset forgets the messages that have arrived.
func (s *Sink) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivered = nil
}

// Wait waits until n messages are there and returns all that are. It fails
// the test if they have not come in half a minute.
func (s *Sink) Wait(t testing.TB, n int) []Delivered {
	t.Helper()
	if !poll(waitLimit, func() bool { return len(s.Delivered()) >= n }) {
		t.Fatalf("realmta: %d of %d messages after %v", len(s.Delivered()), n, waitLimit)
	}
	return s.Delivered()
}

// Await waits for the first message that matches and returns it. It fails the
// test if none has come in half a minute.
func (s *Sink) Await(t testing.TB, match Match) Delivered {
	t.Helper()
	var found Delivered
	if !poll(waitLimit, func() bool { return s.find(match, &found) }) {
		t.Fatalf("realmta: no such message among %d after %v", len(s.Delivered()), waitLimit)
	}
	return found
}

// StaysEmpty fails the test if a message that matches arrives within the time
// given. An MTA that has refused or discarded a message never sends it: a
// second is long enough to see.
func (s *Sink) StaysEmpty(t testing.TB, match Match, limit time.Duration) {
	t.Helper()
	var found Delivered
	if poll(limit, func() bool { return s.find(match, &found) }) {
		t.Errorf("realmta: a message from %q to %q arrived", found.From, found.To)
	}
}

func (s *Sink) find(match Match, found *Delivered) bool {
	all := s.Delivered()
	i := slices.IndexFunc(all, match)
	if i >= 0 {
		*found = all[i]
	}
	return i >= 0
}

func (s *Sink) keep(d Delivered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivered = append(s.delivered, d)
}

// track remembers a connection, so that the end of the test can close it. It
// says no when the end has come.
func (s *Sink) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	return !s.closed
}

func (s *Sink) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, conn := range s.conns {
		_ = conn.Close()
	}
}
