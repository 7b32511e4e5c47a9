package main

import (
	"log"
	"net"
	"strings"

	"github.com/emersion/go-milter"
)

// filter marks mail and refuses mail from one sender.
type filter struct {
	milter.NoOpMilter
	client, subject string
}

// Connect implements milter.Milter.
func (f *filter) Connect(_, _ string, _ uint16, addr net.IP, _ *milter.Modifier) (milter.Response, error) {
	f.client = addr.String()
	return milter.RespContinue, nil
}

// MailFrom implements milter.Milter.
func (f *filter) MailFrom(from string, _ *milter.Modifier) (milter.Response, error) {
	f.subject = "" // reset the previous message's
	if from == "spam@example.org" {
		return milter.RespReject, nil
	}
	return milter.RespContinue, nil
}

// Header implements milter.Milter.
func (f *filter) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	if strings.EqualFold(name, "Subject") && f.subject == "" {
		f.subject = value
	}
	return milter.RespContinue, nil
}

// Body implements milter.Milter.
func (f *filter) Body(m *milter.Modifier) (milter.Response, error) {
	if f.subject != "" {
		if err := m.ChangeHeader(1, "Subject", "[ext] "+f.subject); err != nil {
			return nil, err
		}
	}
	return milter.RespContinue, m.AddHeader("X-Client", f.client)
}

func main() {
	ln, err := net.Listen("tcp", "127.0.0.1:9000")
	if err != nil {
		log.Fatal(err)
	}
	server := &milter.Server{
		NewMilter: func() milter.Milter { return new(filter) },
		Actions:   milter.OptAddHeader | milter.OptChangeHeader,
		Protocol: milter.OptNoHelo | milter.OptNoRcptTo | milter.OptNoData |
			milter.OptNoEOH | milter.OptNoBody | milter.OptNoUnknown,
	}
	log.Fatal(server.Serve(ln))
}
