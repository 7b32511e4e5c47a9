package main

import (
	"io"
	"net/netip"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/sluicemail/sluice/wire/mta"
)

// session is one SMTP client, and the connection to the filter that goes with
// it. It implements [smtp.Session]; [message] does what is done for one
// message.
type session struct {
	*backend
	smtp   *smtp.Conn
	client netip.AddrPort
	filter *mta.Conn
	macros macros
	helo   string
	// steps are the answers to Connect and Helo that no report has shown.
	steps []mta.Step
	// passed says that the filter wants to see nothing of this session.
	passed bool
	// failure is how the filter failed, which it does but once.
	failure error
	// gone is the reply 421, after which the client is not heard any more.
	gone error
	// mu is for a message that comes in chunks (BDAT): it is taken in by
	// another goroutine than the one that gives it up.
	mu  sync.Mutex
	msg *message // the one under way, or nil
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

// Data implements [smtp.Session]. The server has invited the client to send
// already, so that what the filter says to DATA is said at the end.
func (s *session) Data(r io.Reader) error {
	content, err := mta.ReadMessage(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.msg == nil: // given up meanwhile
		return smtp.ErrDataReset
	case s.gone != nil:
		err = s.gone
	case err == nil:
		err = s.msg.content(content)
	}
	s.end(err)
	return err
}

// Reset implements [smtp.Session]: the message, if there is one, is given up.
func (s *session) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(errGivenUp)
}

// Logout implements [smtp.Session].
func (s *session) Logout() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(errGivenUp)
	s.close()
	return nil
}

func (s *session) end(err error) {
	if s.msg != nil {
		s.msg.finish(err)
		s.msg = nil
	}
}
