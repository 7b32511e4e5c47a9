package peers

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/textproto"
	"time"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/corpus"
)

// replyTimeout is the longest time that an SMTP client waits. Postfix gives a milter less.
const replyTimeout = 6 * time.Minute

// smtpClient sends one message over a connection, and names a foreign address as its own.
type smtpClient struct {
	address string
	proxy   bool
}

// smtpError is a refusal of the server.
type smtpError struct {
	command string
	code    int
	text    string
}

func (e *smtpError) Error() string { return fmt.Sprintf("%s: %d %s", e.command, e.code, e.text) }

// deliver sends a letter. A refusal is an error of the type *smtpError.
func (c smtpClient) deliver(ctx context.Context, letter *corpus.Letter, to string) error {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	conn := textproto.NewConn(raw)
	defer func() { _ = conn.Close() }() // the message was accepted before that
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	if err := raw.SetDeadline(time.Now().Add(replyTimeout)); err != nil {
		return err
	}
	if c.proxy {
		if _, err := fmt.Fprintf(raw, "PROXY TCP4 %v 127.0.0.1 50000 25\r\n", letter.Client); err != nil {
			return err
		}
	}
	if err := answer(conn, "connect", 220); err != nil {
		return err
	}
	for _, step := range c.dialogue(letter, to) {
		if _, err := fmt.Fprintf(raw, "%s\r\n", step.command); err != nil {
			return err
		}
		if err := answer(conn, step.command, step.code); err != nil {
			return err
		}
	}
	if _, err := raw.Write(stuffed(letter.Data)); err != nil {
		return err
	}
	if err := answer(conn, "the message", 250); err != nil {
		return err
	}
	_, err = fmt.Fprint(raw, "QUIT\r\n")
	return err
}

type step struct {
	command string
	code    int
}

// dialogue returns the commands before the message.
func (c smtpClient) dialogue(letter *corpus.Letter, to string) (steps []step) {
	if !c.proxy {
		steps = append(steps, step{fmt.Sprintf("XCLIENT NAME=%s ADDR=%v", letter.Host, letter.Client), 220})
	}
	return append(steps,
		step{"EHLO " + letter.Host, 250}, step{"MAIL FROM:<" + letter.Sender + ">", 250},
		step{"RCPT TO:<" + to + ">", 250}, step{"DATA", 354})
}

func answer(conn *textproto.Conn, command string, want int) error {
	code, text, err := conn.ReadResponse(0)
	switch {
	case err != nil && code == 0:
		return fmt.Errorf("%s: %w", command, err)
	case code != want:
		return &smtpError{command, code, text}
	}
	return nil
}

// stuffed returns a message in its SMTP form (RFC 5321 section 4.5.2). It ends with CRLF and
// does not begin with a dot.
func stuffed(message []byte) []byte {
	return append(bytes.ReplaceAll(message, []byte("\r\n."), []byte("\r\n..")), ".\r\n"...)
}
