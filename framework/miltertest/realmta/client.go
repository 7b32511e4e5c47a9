package realmta

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// replyLimit bounds the wait for one reply. It is longer than waitLimit because
// an MTA may wait longer than that for a slow filter.
const replyLimit = 4 * time.Minute

// Client is an SMTP client that sends exactly what the test specifies and
// returns the replies unchanged. It does not validate anything, so a test can
// act as a careless or hostile client. It is not safe for concurrent use.
//
// A reply consists of a code and a text. The lines of a multi-line text are
// joined by "\n", without the codes. If the connection broke before a reply,
// the code is 0 and the text is the error.
type Client struct {
	conn     net.Conn
	text     *textproto.Conn
	greeting reply
}

type reply struct {
	code int
	text string
}

// Message is a message for [Client.Deliver].
type Message struct {
	// From is the sender without angle brackets.
	From string
	// FromArgs holds the arguments of MAIL, such as "BODY=8BITMIME
	// SMTPUTF8".
	FromArgs string
	// To lists the recipients without angle brackets.
	To []string
	// Data is the message as [Client.Data] expects it.
	Data []byte
}

// DialSMTP connects to an SMTP server and reads its greeting, which may be a
// refusal. The connection is closed when the test ends. DialSMTP sends no
// command; the caller usually continues with c.Cmd("EHLO client.example.test").
func DialSMTP(t testing.TB, addr string) *Client {
	t.Helper()
	return DialSMTPFrom(t, addr, "")
}

// DialSMTPFrom is like [DialSMTP] with a local IP address of the client, such as
// 127.0.1.7. Postfix can ask other filters for each: see smtpd_milter_maps. If
// local is "", the system chooses the address.
//
// The server asks this machine's name server for the name of every client but 127.0.0.1. Some
// answer only so many questions at once, and the mail of a fast client then waits for five seconds.
// Postfix's smtpd_peername_lookup = no prevents that.
func DialSMTPFrom(t testing.TB, addr, local string) *Client {
	t.Helper()
	dialer := net.Dialer{Timeout: waitLimit}
	if local != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &Client{conn: conn, text: textproto.NewConn(conn)}
	c.greeting.code, c.greeting.text = c.Reply()
	return c
}

// Close closes the connection without QUIT. It is idempotent.
func (c *Client) Close() { _ = c.conn.Close() }

// Greeting returns the server's greeting.
func (c *Client) Greeting() (code int, text string) { return c.greeting.code, c.greeting.text }

// Cmd sends one command line and returns the reply.
func (c *Client) Cmd(line string) (code int, text string) {
	if err := c.Send([]byte(line + "\r\n")); err != nil {
		return 0, err.Error()
	}
	return c.Reply()
}

// Send sends raw bytes without waiting for a reply. It is for pipelined
// commands and for invalid input.
func (c *Client) Send(raw []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(replyLimit)); err != nil {
		return err
	}
	_, err := c.conn.Write(raw)
	return err
}

// StartTLS sends STARTTLS and encrypts the connection. It returns an error if the
// server refuses, or if the handshake fails. The caller must send EHLO again.
func (c *Client) StartTLS(config *tls.Config) error {
	if code, text := c.Cmd("STARTTLS"); code != 220 {
		return fmt.Errorf("realmta: STARTTLS: %d %s", code, text)
	}
	conn := tls.Client(c.conn, config)
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("realmta: STARTTLS: %w", err)
	}
	c.conn, c.text = conn, textproto.NewConn(conn)
	return nil
}

// Reply reads the next reply.
func (c *Client) Reply() (code int, text string) {
	if err := c.conn.SetDeadline(time.Now().Add(replyLimit)); err != nil {
		return 0, err.Error()
	}
	// An expected code of 0 accepts every code.
	code, text, err := c.text.ReadResponse(0)
	if err != nil {
		return 0, err.Error()
	}
	return code, text
}

// Data sends DATA and, if the server replies with 354, the message. It stuffs
// dots and ends the last line if necessary. It sends all other bytes unchanged,
// including bare CR and LF.
func (c *Client) Data(message []byte) (code int, text string) {
	if code, text = c.Cmd("DATA"); code != 354 {
		return code, text
	}
	if err := c.Send(dotStuffed(message)); err != nil {
		return 0, err.Error()
	}
	return c.Reply()
}

// Deliver sends a whole message. The caller must have sent EHLO. Deliver
// returns the reply to the data, or the first reply that is not a success.
// After a failure the caller must send RSET before the next message.
func (c *Client) Deliver(m Message) (code int, text string) {
	mail := strings.TrimRight("MAIL FROM:<"+m.From+"> "+m.FromArgs, " ")
	if code, text = c.Cmd(mail); code != 250 {
		return code, text
	}
	for _, to := range m.To {
		if code, text = c.Cmd("RCPT TO:<" + to + ">"); code != 250 {
			return code, text
		}
	}
	return c.Data(m.Data)
}

// dotStuffed returns the message in its SMTP form, with stuffed dots and the
// final dot.
func dotStuffed(message []byte) []byte {
	stuffed := bytes.ReplaceAll(message, []byte("\r\n."), []byte("\r\n.."))
	if bytes.HasPrefix(stuffed, []byte(".")) {
		stuffed = append([]byte("."), stuffed...)
	}
	if len(stuffed) > 0 && !bytes.HasSuffix(stuffed, []byte("\r\n")) {
		stuffed = append(stuffed, "\r\n"...)
	}
	return append(stuffed, ".\r\n"...)
}
