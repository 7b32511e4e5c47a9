package realmta

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
)

// ehloReply offers what spares an MTA each conversion of a message.
const ehloReply = "250-sink.example.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n" +
	"250-SMTPUTF8\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE"

// sinkSession serves one connection. It believes its client, which is the
// test's own MTA: it accepts what it does not know, and keeps addresses and
// arguments unparsed, so that the test sees them as the MTA wrote them.
type sinkSession struct {
	sink    *Sink
	r       *bufio.Reader
	w       io.Writer
	message Delivered
}

// serve takes connections until the listener is closed.
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

// run answers until the client leaves; a client that breaks off is not an
// error, for its MTA may be stopped at any time.
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
	if s.message.Data, err = readDotted(s.r); err != nil {
		return "", err
	}
	s.sink.keep(s.message)
	s.message = Delivered{}
	return "250 2.0.0 kept", nil
}

// parsePath splits "FROM:<address> NAME=value NAME". The address may hold a
// ">" within quotes, but no MTA writes "> " there.
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

// readDotted reads up to the dot on a line of its own and takes off the
// stuffed ones. Only CRLF ends a line: a bare LF is part of the message, and a
// dot after it is no stuffing.
func readDotted(r *bufio.Reader) ([]byte, error) {
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
