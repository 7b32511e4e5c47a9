package realmta

import (
	"bytes"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// replyLimit bounds the wait for one reply. It is longer than the other
// limits, because an MTA gives a filter that long.
const replyLimit = 2 * time.Minute

// Client is an SMTP client that sends what it is told and shows what it is
// told in return. It checks nothing, so that a test can see what a careless
// or a hostile client would see. It may be used from any goroutine, from one
// at a time.
//
// A reply is a code and a text. The text of several lines has them joined by
// "\n"; the codes are cut off. If there is no reply, because the connection
// broke, the code is 0 and the text is the error.
type Client struct {
	conn     net.Conn
	text     *textproto.Conn
	greeting reply
}

type reply struct {
	code int
	text string
}

// Message is what [Client.Deliver] sends.
type Message struct {
	// From is the sender without angle brackets.
	From string
	// FromArgs follows the sender in the command: "BODY=8BITMIME SMTPUTF8".
	FromArgs string
	// To lists the recipients without angle brackets.
	To []string
	// Data is the message, as [Client.Data] takes it.
	Data []byte
}

// DialSMTP connects and waits for the greeting, whatever it says. The
// connection is closed when the test ends. The next command is the caller's:
// mostly c.Cmd("EHLO client.example.test").
func DialSMTP(t testing.TB, addr string) *Client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, waitLimit)
	if err != nil {
		t.Fatalf("realmta: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &Client{conn: conn, text: textproto.NewConn(conn)}
	c.greeting.code, c.greeting.text = c.Reply()
	return c
}

// Close breaks the connection off without a word. A second call does nothing.
func (c *Client) Close() { _ = c.conn.Close() }

// Greeting returns what the server said first.
func (c *Client) Greeting() (code int, text string) { return c.greeting.code, c.greeting.text }

// Cmd sends one line and returns the reply.
func (c *Client) Cmd(line string) (code int, text string) {
	if err := c.Send([]byte(line + "\r\n")); err != nil {
		return 0, err.Error()
	}
	return c.Reply()
}

// Send sends bytes as they are: for commands in a pipeline, and for what no
// decent client would send.
func (c *Client) Send(raw []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(replyLimit)); err != nil {
		return err
	}
	_, err := c.conn.Write(raw)
	return err
}

// Reply reads the next reply.
func (c *Client) Reply() (code int, text string) {
	if err := c.conn.SetDeadline(time.Now().Add(replyLimit)); err != nil {
		return 0, err.Error()
	}
	// With an expected code of 0 each code is an expected one.
	code, text, err := c.text.ReadResponse(0)
	if err != nil {
		return 0, err.Error()
	}
	return code, text
}

// Data sends DATA and, if the server asks for it, the message. Dots are
// stuffed and the last line is ended, if it has no end; all other bytes go as
// they are, bare CR and LF too.
func (c *Client) Data(message []byte) (code int, text string) {
	if code, text = c.Cmd("DATA"); code != 354 {
		return code, text
	}
	if err := c.Send(dotStuffed(message)); err != nil {
		return 0, err.Error()
	}
	return c.Reply()
}

// Deliver sends a whole message, after an EHLO by the caller. It returns the
// reply to the data, or the first reply that is not a success; RSET then
// makes the connection fit for the next message.
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

// dotStuffed returns the message as it goes over the wire, end mark included.
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
