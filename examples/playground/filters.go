package main

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// NewRouter returns the filters of the playground, in the order in which they
// see a message. A filter does not see what an earlier filter refused, and it
// sees the edits of the earlier filters.
func NewRouter() *framework.Router {
	r := framework.NewRouter()
	r.Mount(refuser{"nobody@example.test"})
	r.Mount(stamper{"X-Client-Address"})
	r.Mount(tagger{"[suspicious attachment] "})
	return r
}

// refuser refuses one recipient. The others get the message.
type refuser struct{ recipient string }

func (refuser) Name() string { return "refuser" }

func (f refuser) Register(r *framework.Router) error {
	r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		if strings.EqualFold(e.Recipient(), f.recipient) {
			return framework.Reply(550, "5.1.1", "nobody lives here")
		}
		return framework.Continue, nil
	})
	return nil
}

// stamper adds a header field with the client's address.
type stamper struct{ header string }

func (stamper) Name() string { return "stamper" }

func (f stamper) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	client := framework.PerConnection[netip.Addr](r)
	r.ObserveConnect(func(s *framework.Session, e *framework.Connect) error {
		*client.Get(s) = e.Addr()
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, f.header, client.Get(s).String())
	})
	return nil
}

// tagger puts a tag before the subject of a message with a program attached.
type tagger struct{ tag string }

func (tagger) Name() string { return "tagger" }

func (f tagger) Register(r *framework.Router) error {
	headers, change := r.WantHeaders(), r.GrantChangeHeader()
	body := framework.PerMessage[bytes.Buffer](r) // the playground's SMTP server limits its size
	r.ObserveBody(func(s *framework.Session, e *framework.Body) error {
		_, err := body.Get(s).Write(e.Chunk())
		return err
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		content, _ := headers.First(s, "Content-Type")
		subject, found := headers.First(s, "Subject")
		if !found || !hasProgram(content.Value, body.Get(s)) {
			return framework.Continue, nil
		}
		return framework.Continue, change.Change(s, subject.Handle, f.tag+subject.Value)
	})
	return nil
}
