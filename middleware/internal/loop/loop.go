package loop

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
)

// Loop is a session with an MTA that sends the same message over and over.
type Loop struct{ conn *conn }

// New starts a session of the router with an MTA. Each call of Message sends a
// message with the given numbers of header fields and body chunks. The caller
// must call Close.
func New(r *framework.Router, fields, chunks int) (*Loop, error) {
	srv, err := framework.NewServer(r, framework.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	offer := &wire.Negotiate{Version: 6, Actions: wire.KnownActions, Protocol: wire.ProtoSkip}
	opening, err := offer.Encode(nil)
	if err != nil {
		return nil, err
	}
	if opening, err = session(opening); err != nil {
		return nil, err
	}
	text, err := message(fields, chunks)
	if err != nil {
		return nil, err
	}
	c := &conn{rest: opening, script: text, done: make(chan struct{}), idle: make(chan struct{}), ready: make(chan struct{})}
	go func() {
		defer close(c.done)
		srv.ServeConn(c)
	}()
	<-c.idle
	l := &Loop{c}
	for range 3 { // later messages then do not allocate for the first use
		l.Message()
	}
	return l, nil
}

// Message sends one message, and returns when the session has processed it.
func (l *Loop) Message() {
	l.conn.ready <- struct{}{}
	<-l.conn.idle
}

// Close ends the session.
func (l *Loop) Close() {
	close(l.conn.ready)
	<-l.conn.done
}

// script builds the bytes that the MTA sends.
type script struct {
	bytes []byte
	err   error
}

func (s *script) add(m wire.Command) {
	if s.err == nil {
		s.bytes, s.err = m.Encode(s.bytes)
	}
}

func (s *script) macros(code wire.CommandCode, pairs ...[2]string) {
	m := &wire.Macro{For: code}
	for _, pair := range pairs {
		m.List = wire.AppendMacro(m.List, pair[0], pair[1])
	}
	s.add(m)
}

func session(dst []byte) ([]byte, error) {
	s := script{bytes: dst}
	s.macros(wire.CmdConnect, [2]string{"{client_addr}", "192.0.2.1"}, [2]string{"{client_name}", "client.example"})
	s.add(&wire.Connect{Host: []byte("client.example"), Family: wire.FamilyInet, Port: 2525, Address: []byte("192.0.2.1")})
	s.add(&wire.Helo{Name: []byte("client.example")})
	return s.bytes, s.err
}

// message returns the commands of one message, from MAIL to the end of the
// message.
func message(fields, chunks int) ([]byte, error) {
	var s script
	s.macros(wire.CmdMail, [2]string{"{mail_addr}", "ann@example.org"})
	s.add(&wire.Mail{Sender: []byte("<ann@example.org>"), Args: [][]byte{[]byte("SIZE=4096")}})
	s.macros(wire.CmdRcpt, [2]string{"{rcpt_addr}", "bob@example.net"})
	s.add(&wire.Rcpt{Recipient: []byte("<bob@example.net>")})
	s.macros(wire.CmdData, [2]string{"i", "4F1Zq"})
	s.add(&wire.BareCommand{Code: wire.CmdData})
	for i := range fields {
		s.macros(wire.CmdHeader, [2]string{"i", "4F1Zq"})
		s.add(&wire.Header{Name: fmt.Appendf(nil, "X-Field-%d", i), Value: []byte("=?utf-8?q?gr=C3=BC=C3=9Fe?= to all")})
	}
	s.add(&wire.BareCommand{Code: wire.CmdEOH})
	for range chunks {
		s.add(&wire.Body{Chunk: []byte("0123456789abcd\r\n")})
	}
	s.macros(wire.CmdBodyEOB, [2]string{"i", "4F1Zq"})
	s.add(&wire.EndOfBody{})
	return s.bytes, s.err
}

// conn is a connection whose reads return the script over and over, and which
// discards writes.
type conn struct {
	net.Conn     // nil: the server calls only the methods below
	script, rest []byte
	idle, ready  chan struct{}
	done         chan struct{}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		c.idle <- struct{}{}
		if _, ok := <-c.ready; !ok {
			return 0, io.EOF
		}
		c.rest = c.script
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write implements net.Conn.
func (*conn) Write(p []byte) (int, error) { return len(p), nil }

// Close implements net.Conn.
func (*conn) Close() error { return nil }

// LocalAddr implements net.Conn.
func (*conn) LocalAddr() net.Addr { return &net.UnixAddr{Name: "filter", Net: "unix"} }

// RemoteAddr implements net.Conn.
func (*conn) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "mta", Net: "unix"} }

// SetReadDeadline implements net.Conn.
func (*conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (*conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn.
func (*conn) SetDeadline(time.Time) error { return nil }
