package main

import (
	"errors"
	"io"
	"net/netip"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/sluicemail/sluice/wire/mta"
)

// session is the session of one SMTP client and its connection to the filter. It
// implements [smtp.Session]. A [message] does the work for one message.
type session struct {
	*backend
	smtp   *smtp.Conn
	client netip.AddrPort
	filter *mta.Conn
	macros macros
	helo   string
	// steps has the filter's replies to Connect and Helo that are not yet
	// in a report.
	steps []mta.Step
	// passed is set if the filter accepted the whole session.
	passed bool
	// failure is the error with which the filter failed. After it, the
	// client gets the reply 451 to every command.
	failure error
	// gone is the reply 421, if it was sent. Commands that the client had
	// sent before it read the reply get the same reply.
	gone error
	// mu guards msg. If a message arrives in chunks (BDAT), one goroutine
	// calls Data, and another may call Reset or Logout.
	mu  sync.Mutex
	msg *message // the current message, or nil
}

// Mail implements [smtp.Session].
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone != nil {
		return s.gone
	}
	if s.msg != nil {
		return errNested()
	}
	m := newMessage(s, from, opts)
	if err := m.mail(); err != nil {
		m.finish(err)
		return err
	}
	s.msg = m
	return nil
}

// Rcpt implements [smtp.Session].
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone != nil {
		return s.gone
	}
	return s.msg.rcpt(to)
}

// Data implements [smtp.Session]. The SMTP server calls it after its reply 354,
// so a refusal of DATA by the filter becomes the reply to the content. If the client
// gives up within the content, the server calls Reset or Logout, perhaps before Data
// returns. They end the message.
func (s *session) Data(r io.Reader) error {
	content, err := mta.Postfix.ReadMessage(r)
	var refused *smtp.SMTPError // such as too large
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.msg == nil: // the message was abandoned in the meantime
		return smtp.ErrDataReset
	case s.gone != nil:
		err = s.gone
	case err == nil:
		err = s.msg.content(content)
	}
	s.end(err)
	return err
}

// Reset implements [smtp.Session]. It abandons the current message, if there is
// one.
func (s *session) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(errAbandoned)
}

// Logout implements [smtp.Session].
func (s *session) Logout() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(errAbandoned)
	s.close()
	return nil
}

func (s *session) end(err error) {
	if s.msg != nil {
		s.msg.finish(err)
		s.msg = nil
	}
}
