//go:build integration

package attack_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// session is a valid session with a few messages.
type session struct {
	offer mta.Offer
	// frames begins with the offer.
	frames []wire.Frame
	// first is the first message, and mail the index in frames of its first
	// event or of that event's macros. end is the index after its last event.
	first     *mta.Message
	mail, end int
}

// pick returns one of several values.
func pick[T any](rnd *rand.Rand, values ...T) T { return values[rnd.IntN(len(values))] }

// oneIn returns true in one of n cases.
func oneIn(rnd *rand.Rand, n int) bool { return rnd.IntN(n) == 0 }

// offers returns the offers of real MTAs, old and new.
func offers() []mta.Offer {
	return []mta.Offer{
		mta.PostfixOffer(2), mta.PostfixOffer(3), mta.PostfixOffer(4), mta.PostfixOffer(6), mta.PostfixOffer(6), mta.SendmailOffer(),
	}
}

// newSession draws a session.
func newSession(rnd *rand.Rand) *session {
	s := &session{offer: pick(rnd, offers()...)}
	s.add(&wire.Negotiate{Version: s.offer.Version, Actions: s.offer.Actions, Protocol: s.offer.Protocol})
	s.first = newMessage(rnd)
	s.greet(rnd, s.first)
	s.mail = len(s.frames)
	s.message(rnd, s.first)
	s.end = len(s.frames)
	for range rnd.IntN(3) {
		m := newMessage(rnd)
		switch rnd.IntN(3) {
		case 0:
			s.add(&wire.BareCommand{Code: wire.CmdAbort})
		case 1:
			s.add(&wire.BareCommand{Code: wire.CmdQuitNC})
			s.greet(rnd, m)
		}
		s.message(rnd, m)
	}
	s.add(&wire.BareCommand{Code: wire.CmdQuit})
	return s
}

// add appends a command.
func (s *session) add(cmd wire.Command) { s.frames = append(s.frames, frame(cmd)) }

// frame returns a command as a frame.
func frame(cmd wire.Command) wire.Frame {
	bytes, err := cmd.Encode(nil)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", cmd, err)) // a fault of this package
	}
	return wire.Frame{Code: bytes[4], Data: bytes[wire.HeaderLen:]}
}

// encode returns frames as bytes.
func encode(frames []wire.Frame) (out []byte) {
	for _, f := range frames {
		out = wire.AppendFrame(out, f)
	}
	return out
}

// announced returns the beginning of a frame with any length.
func announced(length uint32, code byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, length), code)
}

// event appends a command, often with its macros before it.
func (s *session) event(rnd *rand.Rand, cmd wire.Command) {
	if !oneIn(rnd, 3) {
		s.add(&wire.Macro{For: cmd.CommandCode(), List: []byte(pick(rnd, "", "i\x004ABC\x00", "j\x00mx.example.org\x00{daemon_name}\x00smtpd\x00v\x00Postfix 3.7.11\x00"))})
	}
	s.add(cmd)
}

// greet appends the beginning of an SMTP session.
func (s *session) greet(rnd *rand.Rand, m *mta.Message) {
	s.event(rnd, &wire.Connect{Host: []byte(m.Client.Host), Family: m.Client.Family, Port: m.Client.Port, Address: []byte(m.Client.Addr)})
	for range pick(rnd, 1, 1, 1, 2) {
		s.event(rnd, &wire.Helo{Name: []byte(m.Helo)})
	}
}

// message appends a message.
func (s *session) message(rnd *rand.Rand, m *mta.Message) {
	if s.offer.Version >= 3 && oneIn(rnd, 8) {
		s.event(rnd, &wire.Unknown{Line: []byte("XYZZY one two")})
	}
	s.event(rnd, &wire.Mail{Sender: []byte(m.Sender.Addr), Args: texts(m.Sender.Args)})
	for _, r := range m.Recipients {
		if oneIn(rnd, 6) { // the MTA has refused it
			s.add(&wire.Macro{For: wire.CmdRcpt, List: []byte("{rcpt_mailer}\x00error\x00{rcpt_host}\x005.1.1\x00{rcpt_addr}\x00550 5.1.1 unknown\x00")})
			s.add(&wire.Rcpt{Recipient: []byte(r.Addr), Args: texts(r.Args)})
			continue
		}
		s.event(rnd, &wire.Rcpt{Recipient: []byte(r.Addr), Args: texts(r.Args)})
	}
	if s.offer.Version >= 4 {
		s.event(rnd, &wire.BareCommand{Code: wire.CmdData})
	}
	for _, f := range m.Header {
		s.event(rnd, &wire.Header{Name: []byte(f.Name), Value: []byte(f.Value)})
	}
	s.event(rnd, &wire.BareCommand{Code: wire.CmdEOH})
	for rest := m.Body; len(rest) > 0; {
		n := min(len(rest), pick(rnd, 1, 100, wire.MaxBodyChunk))
		s.event(rnd, &wire.Body{Chunk: rest[:n]})
		rest = rest[n:]
		if n == 1 {
			rest = rest[:min(len(rest), 10)]
		}
	}
	s.event(rnd, &wire.EndOfBody{Chunk: []byte(pick(rnd, "", "", "", "the last chunk\r\n"))})
}

func texts(list []string) (out [][]byte) {
	for _, text := range list {
		out = append(out, []byte(text))
	}
	return out
}

// newMessage draws a message.
func newMessage(rnd *rand.Rand) *mta.Message {
	m := &mta.Message{
		Client: pick(rnd,
			mta.Client{Host: "client.example.org", Family: wire.FamilyInet, Addr: "192.0.2.1", Port: 54321},
			mta.Client{Host: "localhost", Family: wire.FamilyInet, Addr: "127.0.0.1", Port: 1},
			mta.Client{Host: "[IPv6:2001:db8::1]", Family: wire.FamilyInet6, Addr: "2001:db8::1", Port: 25},
			mta.Client{Host: "localhost", Family: wire.FamilyUnix, Addr: "/run/x.sock"},
			mta.Client{Host: "unknown", Family: wire.FamilyUnknown}),
		Helo:   pick(rnd, "client.example.org", "[192.0.2.1]", "x"),
		Sender: mta.Address{Addr: pick(rnd, "<>", "<a@example.org>", "<b@example.net>", "a@example.org", "<ü@example.org>")},
	}
	lines := pick(rnd, 0, 1, 3, 100)
	if oneIn(rnd, 30) {
		lines = 6000
	}
	m.Body = []byte(strings.Repeat("How are you?\r\n", lines))
	if oneIn(rnd, 3) {
		m.Sender.Args = []string{"SIZE=1000", "BODY=8BITMIME"}
	}
	for i := range 1 + rnd.IntN(3) {
		m.Recipients = append(m.Recipients, mta.Recipient{Addr: pick(rnd, "<b@example.net>", fmt.Sprintf("<r%d@example.net>", i), "<team@example.org>")})
	}
	fields := fields()
	for range 1 + rnd.IntN(8) {
		m.Header = append(m.Header, pick(rnd, fields...))
	}
	return m
}

// fields returns the header fields of the messages. Some are of interest to the
// filters, and some of them are wrong.
func fields() []mta.Field {
	return []mta.Field{
		{Name: "From", Value: " Ann <ann@example.org>"},
		{Name: "From", Value: " =?utf-8?q?=F0=9F=98=80?= <a@example.org>, b@example.net"},
		{Name: "To", Value: " bob@example.net"},
		{Name: "Date", Value: " Mon, 02 Nov 2026 10:00:00 +0000"},
		{Name: "Subject", Value: " hello"},
		{Name: "Subject", Value: " =?utf-8?b?aW52b2ljZSB4LmV4ZQ==?="},
		{Name: "Subject", Value: " invoice x.exe"},
		{Name: "Received", Value: " from a (a [192.0.2.9])\n\tby webmail.example.org (Postfix) with ESMTP id 1\n\tfor <b@example.net>"},
		{Name: "Authentication-Results", Value: " mx.example.org; spf=pass"},
		{Name: "authentication-results", Value: " (c (d) mx.example.org ; none"},
		{Name: "DKIM-Signature", Value: " v=1; a=ed25519-sha256; d=example.org; s=s;\n\tc=relaxed/simple; h=From:To; bh=AAAA; b=AAAA"},
		{Name: "DKIM-Signature", Value: " v=1; a=rsa-sha256; d=example.net; s=t; l=5; h=from; bh=; b="},
		{Name: "DKIM-Signature", Value: " ;;=;a=b=c"},
		{Name: "X-Spam-Status", Value: ""},
		{Name: "X-Client", Value: " \x1b[31m \xff\xfe"},
		{Name: "X-Loop", Value: " 1"},
		{Name: "X-Long", Value: " " + strings.Repeat("x", 2000)},
	}
}
