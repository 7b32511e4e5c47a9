package filter

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/sluicemail/sluice/framework"
)

// Refuser refuses one recipient. The others get the message.
type Refuser struct{ Recipient string }

// Name implements [framework.Filter].
func (Refuser) Name() string { return "refuser" }

// Register implements [framework.Filter].
func (f Refuser) Register(r *framework.Router) error {
	r.OnRcpt(func(_ *framework.Session, e *framework.Rcpt) (framework.Verdict, error) {
		if strings.EqualFold(e.Recipient(), f.Recipient) {
			return framework.Reply(550, "5.1.1", "nobody lives here")
		}
		return framework.Continue, nil
	})
	return nil
}

// Stamper adds a header field with the client's address.
type Stamper struct{ Header string }

// Name implements [framework.Filter].
func (Stamper) Name() string { return "stamper" }

// Register implements [framework.Filter].
func (f Stamper) Register(r *framework.Router) error {
	add := r.GrantAddHeader()
	client := framework.PerConnection[netip.Addr](r)
	r.ObserveConnect(func(s *framework.Session, e *framework.Connect) error {
		*client.Get(s) = e.Addr()
		return nil
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		return framework.Continue, add.Append(s, f.Header, client.Get(s).String())
	})
	return nil
}

// Tagger puts a tag before the subject of a message with a program attached.
type Tagger struct{ Tag string }

// Name implements [framework.Filter].
func (Tagger) Name() string { return "tagger" }

// Register implements [framework.Filter].
func (f Tagger) Register(r *framework.Router) error {
	headers, change := r.WantHeaders(), r.GrantChangeHeader()
	body := framework.PerMessage[bytes.Buffer](r) // the playground's SMTP server limits its size
	r.ObserveBody(func(s *framework.Session, e *framework.Body) error {
		_, err := body.Get(s).Write(e.Chunk())
		return err
	})
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		content, _ := headers.First(s, "Content-Type")
		subject, found := headers.First(s, "Subject")
		if !found || !HasProgram(content.Value, body.Get(s)) {
			return framework.Continue, nil
		}
		return framework.Continue, change.Change(s, subject.Handle, f.Tag+subject.Value)
	})
	return nil
}
