package replay

import (
	"bytes"
	"math"
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// message is one transaction as it was recorded.
type message struct {
	mta.Message

	// hasHeader and hasBody report whether the record has the whole content: the old filter
	// asked for it, read it to the end, and the recorder kept it.
	hasHeader, hasBody bool
	// events is the number of the MTA's commands from MAIL on, whether sent or declined, as
	// [mta.Conn.SendEvents] counts them.
	events int
	// session is the number of its session, and alone says that the session had no message.
	session int
	alone   bool
	// space: the values of fields lack the space that followed the colon.
	space bool
}

// greeting is the begin of a session.
type greeting struct {
	client mta.Client // the zero value if CONNECT was not recorded
	helo   string     // the last one, or "" if HELO was not recorded
}

// read takes over CONNECT and HELO.
func (g *greeting) read(s *step) error {
	switch s.code {
	case wire.CmdConnect:
		var m wire.Connect
		err := m.Decode(s.data)
		g.client = clientOf(&m)
		return err
	case wire.CmdHelo:
		var m wire.Helo
		err := m.Decode(s.data)
		g.helo = string(m.Name)
		return err
	default:
		return nil
	}
}

// readTexts builds the message of each transaction.
func (c *conversation) readTexts() error {
	c.greets = make([]greeting, 1)
	for i := range c.steps {
		s := &c.steps[i]
		if s.withheld || s.missing {
			c.count(s)
			continue
		}
		if s.code == wire.CmdQuitNC {
			c.greets = append(c.greets, greeting{})
		}
		greets := &c.greets[len(c.greets)-1]
		if err := greets.read(s); err != nil {
			return damaged(err)
		}
		if s.message < 0 {
			continue
		}
		t := c.texts[s.message]
		t.Client, t.Helo = greets.client, greets.helo
		c.count(s)
		if err := t.add(s); err != nil {
			return damaged(err)
		}
	}
	for i, t := range c.texts {
		if t.alone {
			t.Client, t.Helo = c.greets[t.session].client, c.greets[t.session].helo
		}
		t.QueueID = c.record.QueueID
		t.space = !c.answer.Protocol.Has(wire.ProtoHdrLeadSpc)
		t.hasHeader, t.hasBody = c.whole(i, wire.CmdHeader), c.whole(i, wire.CmdBody)
		t.finish(c)
	}
	return nil
}

// count counts an event of a transaction. A message that reached its end has all of them.
func (c *conversation) count(s *step) {
	if s.message < 0 {
		return
	}
	t := c.texts[s.message]
	switch {
	case s.code == wire.CmdBodyEOB:
		t.events = math.MaxInt
	case s.refusal == "" && t.events < math.MaxInt:
		t.events++
	}
}

// whole reports whether a transaction's commands of a kind were all recorded.
func (c *conversation) whole(number int, code wire.CommandCode) bool {
	if declines(&c.answer, code) {
		return false
	}
	for i := range c.steps {
		s := &c.steps[i]
		if s.message != number {
			continue
		}
		same := s.code == code || code == wire.CmdBody && s.code == wire.CmdBodyEOB
		skipped := s.code == code && s.response != nil && s.response.Code == wire.RepSkip
		if same && s.missing || skipped {
			return false
		}
	}
	return true
}

func clientOf(m *wire.Connect) mta.Client {
	c := mta.Client{Host: string(m.Host), Family: m.Family, Port: m.Port, Addr: string(m.Address)}
	const prefix = "IPv6:"
	if m.Family == wire.FamilyInet6 && len(c.Addr) > len(prefix) && strings.EqualFold(c.Addr[:len(prefix)], prefix) {
		c.Addr = c.Addr[len(prefix):]
	}
	return c
}

// add adds what a command brings.
func (t *message) add(s *step) error {
	switch s.code {
	case wire.CmdMail:
		var m wire.Mail
		err := m.Decode(s.data)
		t.Sender = mta.Address{Addr: string(m.Sender), Args: words(m.Args)}
		return err
	case wire.CmdRcpt:
		var m wire.Rcpt
		err := m.Decode(s.data)
		t.Recipients = append(t.Recipients, mta.Recipient{Addr: string(m.Recipient), Args: words(m.Args), Refusal: s.refusal})
		return err
	case wire.CmdHeader:
		var m wire.Header
		err := m.Decode(s.data)
		t.Header = append(t.Header, mta.Field{Name: string(m.Name), Value: string(m.Value)})
		return err
	case wire.CmdBody:
		t.Body = append(t.Body, s.data...)
		t.Cuts = append(t.Cuts, len(t.Body))
	case wire.CmdBodyEOB:
		t.Body = append(t.Body, s.data...)
	}
	return nil
}

func words(list [][]byte) []string {
	var out []string
	for _, word := range list {
		out = append(out, string(word))
	}
	return out
}

// finish brings the content into the form of [mta.Message]: the values of fields begin with
// what followed the colon and have LF between their lines, and the body is without the header
// that Stalwart repeats there.
func (t *message) finish(c *conversation) {
	for i := range t.Header {
		f := &t.Header[i]
		f.Value = strings.ReplaceAll(f.Value, "\r\n", "\n")
		if t.space {
			f.Value = " " + f.Value
		}
	}
	if !c.mta.Quirks.Has(mta.HeaderInBody) {
		return
	}
	if _, body, ok := bytes.Cut(t.Body, []byte("\r\n\r\n")); ok {
		t.Body, t.Cuts = body, nil
	}
}

// addr returns the client's IP address, or the zero Addr.
func addr(c mta.Client) netip.Addr {
	a, _ := netip.ParseAddr(c.Addr)
	return a
}
