//go:build integration

package differential_test

import (
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// server returns the configuration of the MTA for a scenario.
func (s *scenario) server() mta.Config {
	if s.once(35) {
		return mta.Config{Flavor: mta.Sendmail}
	}
	offer := mta.PostfixOffer(uint32(s.pick2(2, 3, 4, 5, 6, 6, 6, 6, 6)))
	if s.once(25) {
		offer.Protocol &^= wire.Protocol(s.rand.Uint32()) & wire.KnownProtocol
	}
	if s.once(10) {
		offer.Actions &^= wire.Actions(1 << s.rand.IntN(9))
	}
	if s.once(10) {
		offer.Protocol |= wire.ProtoMDS256K | 1<<25 // bits that libmilter does not know
		offer.Actions |= 1 << 20
	}
	return mta.Config{Offer: offer}
}

// message generates one message.
func (s *scenario) message() *mta.Message {
	m := &mta.Message{
		Client:     s.client(),
		Helo:       s.pick("client.example.org", "[192.0.2.1]"),
		Sender:     mta.Address{Addr: s.pick("<a@example.org>", "<>", "<Long.Name+tag@example.org>")},
		Recipients: []mta.Recipient{{Addr: "<b1@example.net>"}},
		Body:       []byte(s.pick("", "one line\r\n", "no end", "two\r\nlines\r\n", "NUL \x00\r\n", long(70_000), long(200_000))),
	}
	if s.once(30) {
		m.Sender.Args = []string{"SIZE=1000", "BODY=8BITMIME"}
	}
	for _, r := range []mta.Recipient{
		{Addr: "<b2@example.net>", Args: []string{"NOTIFY=NEVER"}},
		{Addr: "<refused@example.net>", Refusal: "550 5.1.1 no such user"},
		{Addr: "<b3@example.net>"},
	} {
		if s.once(50) {
			m.Recipients = append(m.Recipients, r)
		}
	}
	for range s.rand.IntN(7) {
		m.Header = append(m.Header, mta.Field{Name: s.pick("Subject", "X-Tag", "x-tag", "To", "Received"), Value: s.original()})
	}
	if s.once(3) {
		m.Header = append(m.Header, mta.Field{Name: "X-Large", Value: " " + strings.Repeat("x", 66_000)})
	}
	return m
}

// original generates the text after the colon of a field.
func (s *scenario) original() string {
	return s.pick(" plain", " plain", "close", "  far", "\ttab", " folded\n\ttab\n  spaces", "", " ", " 8 bits \xff")
}

func (s *scenario) client() mta.Client {
	return []mta.Client{
		{Host: "client.example.org", Addr: "192.0.2.1", Port: 4711},
		{Host: "[192.0.2.1]", Addr: "192.0.2.1", Port: 4711},
		{Host: "client.example.org", Family: wire.FamilyInet6, Addr: "2001:db8::1", Port: 4711},
		{Host: "localhost", Family: wire.FamilyUnix, Addr: "/run/client.sock"},
		{Host: "localhost", Family: wire.FamilyUnknown},
	}[s.rand.IntN(5)]
}

// long returns a body of about the given size.
func long(size int) string {
	const line = "one of many lines of a body\r\n"
	return strings.Repeat(line, size/len(line)+1)
}
