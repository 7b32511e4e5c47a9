package realmta

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Sink is an SMTP server on a loopback port that stores the messages that it
// receives. It offers SMTPUTF8, 8BITMIME and DSN, so that an MTA has no reason
// to convert a message. Its methods are safe for concurrent use.
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

// Delivered returns the messages that have arrived since the start or the last
// Reset, in the order of arrival.
func (s *Sink) Delivered() []Delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.delivered)
}

// Reset discards the messages that have arrived.
func (s *Sink) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivered = nil
}

// Wait waits until at least n messages have arrived and returns all messages.
// It fails the test after 2 minutes.
func (s *Sink) Wait(t testing.TB, n int) []Delivered {
	t.Helper()
	if !poll(waitLimit, func() bool { return len(s.Delivered()) >= n }) {
		t.Fatalf("realmta: %d of %d messages arrived within %v", len(s.Delivered()), n, waitLimit)
	}
	return s.Delivered()
}

// Await waits for a message that matches and returns the first one. It fails
// the test after 2 minutes.
func (s *Sink) Await(t testing.TB, match Match) Delivered {
	t.Helper()
	var found Delivered
	if !poll(waitLimit, func() bool { return s.find(match, &found) }) {
		t.Fatalf("realmta: none of %d messages matches after %v", len(s.Delivered()), waitLimit)
	}
	return found
}

// StaysEmpty fails the test if a matching message arrives within the limit. An
// MTA that has refused or discarded a message never sends it, so a limit of one
// second is sufficient.
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

// track registers a connection, so that it is closed when the test ends. It
// returns false if the sink is already closed.
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

// ehloReply offers the extensions that make conversions of a message
// unnecessary.
const ehloReply = "250-sink.example.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n" +
	"250-SMTPUTF8\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE"

// sinkSession serves one connection. It trusts its client, which is the tested
// MTA: it accepts unknown commands, and stores addresses and arguments as the
// MTA wrote them.
type sinkSession struct {
	sink    *Sink
	r       *bufio.Reader
	w       io.Writer
	message Delivered
}

// serve accepts connections until the listener is closed.
func (s *Sink) serve(listener net.Listener, running *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if !s.track(conn) {
			_ = conn.Close()
			return
		}
		running.Go(func() {
			defer func() { _ = conn.Close() }()
			session := sinkSession{sink: s, r: bufio.NewReader(conn), w: conn}
			session.run()
		})
	}
}

// run handles commands until the client disconnects. A broken connection is not
// an error, because the MTA may be stopped at any time.
func (s *sinkSession) run() {
	for reply := "220 sink.example.test ESMTP"; ; {
		if _, err := io.WriteString(s.w, reply+"\r\n"); err != nil || strings.HasPrefix(reply, "221") {
			return
		}
		line, err := s.r.ReadString('\n')
		if err != nil {
			return
		}
		if reply, err = s.answer(strings.TrimRight(line, "\r\n")); err != nil {
			return
		}
	}
}

func (s *sinkSession) answer(line string) (reply string, err error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		return ehloReply, nil
	case "MAIL":
		return s.mail(rest), nil
	case "RCPT":
		return s.rcpt(rest), nil
	case "DATA":
		return s.data()
	case "RSET":
		s.message = Delivered{}
	case "QUIT":
		return "221 2.0.0 bye", nil
	}
	return "250 2.0.0 ok", nil
}

func (s *sinkSession) mail(path string) string {
	address, args, ok := parsePath(path)
	if !ok {
		return "501 5.5.4 no path"
	}
	s.message = Delivered{From: address, FromArgs: args}
	return "250 2.1.0 ok"
}

func (s *sinkSession) rcpt(path string) string {
	address, args, ok := parsePath(path)
	if !ok {
		return "501 5.5.4 no path"
	}
	s.message.To = append(s.message.To, address)
	s.message.ToArgs = append(s.message.ToArgs, args)
	return "250 2.1.5 ok"
}

func (s *sinkSession) data() (reply string, err error) {
	if len(s.message.To) == 0 {
		return "503 5.5.1 no recipient", nil
	}
	if _, err := io.WriteString(s.w, "354 go on\r\n"); err != nil {
		return "", err
	}
	if s.message.Data, err = readData(s.r); err != nil {
		return "", err
	}
	s.sink.keep(s.message)
	s.message = Delivered{}
	return "250 2.0.0 kept", nil
}

// parsePath splits "FROM:<address> NAME=value NAME". A quoted address may
// contain ">", but no MTA writes "> " within an address.
func parsePath(path string) (address string, args map[string]string, ok bool) {
	_, path, found := strings.Cut(path, "<")
	address, rest, _ := strings.Cut(path+" ", "> ")
	args = make(map[string]string)
	for field := range strings.FieldsSeq(rest) {
		name, value, _ := strings.Cut(field, "=")
		args[strings.ToUpper(name)] = value
	}
	delete(args, "SIZE")
	return address, args, found
}

// readData reads a message up to the final dot and removes dot stuffing. Only
// CRLF ends a line: a bare LF is part of the message, and a dot after it is not
// stuffed.
func readData(r *bufio.Reader) ([]byte, error) {
	var message []byte
	for atStart := true; ; {
		piece, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if atStart && string(piece) == ".\r\n" {
			return message, nil
		}
		if atStart {
			piece = bytes.TrimPrefix(piece, []byte("."))
		}
		message = append(message, piece...)
		atStart = bytes.HasSuffix(piece, []byte("\r\n"))
	}
}
