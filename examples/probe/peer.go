package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/sluicemail/sluice/wire/mta"
)

// peer is the connection to what should be a milter. It keeps the first bytes that
// arrive, which tell what it is otherwise.
type peer struct {
	net.Conn
	first []byte
}

// dial connects to the milter.
func (o *options) dial(ctx context.Context) (*peer, error) {
	network, address, err := mta.ParseAddr(o.milter)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: o.timeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &peer{Conn: conn}, nil
}

// maxFirst is the number of bytes that a peer keeps.
const maxFirst = 256

// Read implements [net.Conn].
func (p *peer) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.first = append(p.first, b[:min(n, maxFirst-len(p.first))]...)
	return n, err
}

// framed reports whether the answer began as a frame of the milter protocol does: with a
// length below 64 KiB.
func (p *peer) framed() bool { return len(p.first) >= 2 && p.first[0] == 0 && p.first[1] == 0 }

// patience is how long probe takes, after the timeout at most, to find out what a peer is
// that does not answer as a milter. Each of two ways has half of it.
const patience = time.Second

// nudges end the line that many servers wait for before they answer anything, and ask
// what changes nothing: Redis answers PING, memcached version, and Postfix's policy servers
// an empty line.
const nudges = "\r\nPING\r\nversion\r\n\r\n"

// nudge sends nudges over a new connection and returns the begin of the answer. On the
// first one, Redis does not look beyond the zero bytes of the negotiation.
func (o *options) nudge(ctx context.Context) []byte {
	p, err := o.again(ctx)
	if err != nil {
		return nil
	}
	defer func() { _ = p.Close() }()
	if _, err := p.Write([]byte(nudges)); err == nil {
		_, _ = p.Read(make([]byte, maxFirst))
	}
	p.await()
	return p.first
}

// again connects once more, to find out what the peer is. The connection has half of
// patience as its deadline.
func (o *options) again(ctx context.Context) (*peer, error) {
	deadline := time.Now().Add(patience / 2)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	p, err := o.dial(ctx)
	if err == nil {
		_ = p.SetDeadline(deadline)
	}
	return p, err
}

// await reads the rest of an answer whose first bytes alone may tell nothing.
func (p *peer) await() {
	if len(p.first) == 0 {
		return
	}
	_ = p.SetDeadline(time.Now().Add(silence))
	for len(p.first) < maxFirst {
		if n, err := p.Read(make([]byte, maxFirst)); n == 0 || err != nil {
			return
		}
	}
}

// explain returns the error of a failed negotiation. If the peer is no milter, it says
// what the peer is.
func (o *options) explain(ctx context.Context, p *peer, err error) error {
	if p.framed() || ctx.Err() != nil {
		return err
	}
	p.await()
	first := p.first
	if len(first) == 0 {
		_ = p.Close() // the peer may serve one client at a time
		first = o.nudge(ctx)
	}
	switch name := service(first); {
	case name != "":
		return fmt.Errorf("%s is no milter: this is %s, which answered %q", o.milter, name, firstLine(first))
	case len(first) > 0:
		return fmt.Errorf("%s is no milter: it answered %q", o.milter, firstLine(first))
	case o.speaksTLS(ctx):
		return fmt.Errorf("%s is no milter: this is %s", o.milter, tlsService)
	}
	return err
}

// speaksTLS reports whether the peer answers the begin of a TLS handshake with TLS. A TLS
// server closes the connection without a word if something else arrives.
func (o *options) speaksTLS(ctx context.Context) bool {
	p, err := o.again(ctx)
	if err != nil {
		return false
	}
	defer func() { _ = p.Close() }()
	conn := tls.Client(p, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // nothing is sent over it
	err = conn.HandshakeContext(ctx)
	return err == nil || errors.As(err, new(tls.AlertError)) || service(p.first) == tlsService
}

const tlsService = "TLS"

// service returns the name of the service that answers with these bytes, or "".
func service(first []byte) string {
	for _, a := range answers() {
		if a.begin.Match(first) {
			return a.service
		}
	}
	return ""
}

// answer is the begin of what a service sends to a client that does not speak its
// protocol, or to every client. It must show the service beyond doubt, because several
// protocols begin with the same codes.
type answer struct {
	service string
	begin   *regexp.Regexp
}

func answers() []answer {
	return []answer{
		{"HTTP", regexp.MustCompile(`(?i)^(HTTP/|<html|<!doctype html)`)},
		{tlsService, regexp.MustCompile(`(?s)^[\x14-\x17]\x03[\x00-\x04]`)},
		{"SSH", regexp.MustCompile(`^SSH-`)},
		// The text of a greeting, or an enhanced status code (RFC 2034).
		{"SMTP", regexp.MustCompile(`(?i)^(220|421|554)[ -]([^\n]*\bE?SMTP\b|[245]\.\d{1,3}\.\d{1,3} )`)},
		{"LMTP", regexp.MustCompile(`(?i)^220[ -][^\n]*\bLMTP\b`)},
		// FTP with a dot after it may be in the name of any host.
		{"FTP", regexp.MustCompile(`(?i)^220[ -][^\n]*(FTPd|\bFTP[^.\w])`)},
		{"NNTP", regexp.MustCompile(`(?i)^20[01][ -][^\n]*(NNTP|NNRP|InterNetNews)`)},
		{"IMAP", regexp.MustCompile(`^\* (OK|BYE|BAD|PREAUTH)`)},
		{"POP3", regexp.MustCompile(`^\+OK`)},
		{"clamd", regexp.MustCompile(`^(UNKNOWN COMMAND|COMMAND READ TIMED OUT)`)},
		{"spamd", regexp.MustCompile(`^SPAMD/`)},
		{"Redis", regexp.MustCompile("^(\\+PONG\r\n|-ERR unknown command ['`]|-(DENIED|LOADING|MISCONF) Redis|-NOAUTH )")},
		{"memcached", regexp.MustCompile(`^(ERROR\r\n)*VERSION \d`)},
		{"a policy server of Postfix", regexp.MustCompile(`(?i)^action=`)},
		{"MySQL", regexp.MustCompile(`(?s)^..\x00\x00\x0a\d+\.`)},
	}
}

// firstLine returns the first line of an answer, shortened.
func firstLine(answer []byte) []byte {
	const longest = 60
	line, _, _ := bytes.Cut(answer, []byte("\n"))
	return bytes.TrimRight(line[:min(len(line), longest)], "\r")
}
