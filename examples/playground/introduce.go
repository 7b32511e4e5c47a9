package main

import (
	"net/netip"

	"github.com/emersion/go-smtp"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// newSession connects to the filter and tells it who the client is. The error
// is what the client is told.
func newSession(b *backend, c *smtp.Conn) (*session, error) {
	client, _ := netip.ParseAddrPort(c.Conn().RemoteAddr().String())
	s := &session{backend: b, smtp: c, client: client, macros: sessionMacros(client)}
	var err error
	if s.filter, err = mta.Dial(b.ctx, b.milter, mta.Config{}); err != nil {
		return s, s.unavailable(err)
	}
	if err := s.connect(); err != nil {
		return s, err
	}
	return s, s.greet()
}

func (s *session) connect() error {
	if err := s.sendMacros(wire.MacroConnect, wire.CmdConnect); err != nil {
		return s.unavailable(err)
	}
	r, err := s.filter.Connect(s.ctx, introduction(s.client))
	return s.met(mta.StageConnect, r, err)
}

// introduction says who the client is. Its name is not looked up, and is then
// its address in brackets.
func introduction(client netip.AddrPort) *wire.Connect {
	address := client.Addr().Unmap()
	c := &wire.Connect{
		Host: []byte("[" + address.String() + "]"), Family: wire.FamilyInet,
		Port: client.Port(), Address: []byte(address.String()),
	}
	if address.Is6() {
		c.Family = wire.FamilyInet6
	}
	return c
}

// greet tells the filter what the client calls itself, unless it knows.
func (s *session) greet() error {
	if s.passed || s.helo == s.smtp.Hostname() {
		return nil
	}
	if err := s.sendMacros(wire.MacroHelo, wire.CmdHelo); err != nil {
		return s.unavailable(err)
	}
	r, err := s.filter.Helo(s.ctx, s.smtp.Hostname())
	if err := s.met(mta.StageHelo, r, err); err != nil {
		return err
	}
	s.helo = s.smtp.Hostname()
	return nil
}

// met takes the filter's answer about the client.
func (s *session) met(stage mta.Stage, r mta.Response, err error) error {
	if err != nil {
		return s.unavailable(err)
	}
	s.steps = append(s.steps, mta.Step{Stage: stage, Response: r})
	s.passed = r.Code == wire.RepAccept
	return s.tell(r)
}

// tell returns the SMTP client's reply to what the filter refused, or nil. A
// reply 421 is the last one.
func (s *session) tell(r mta.Response) error {
	err := smtpReply(r)
	if hangsUp(err) {
		s.gone = err
		if c, ok := s.smtp.Conn().(*clientConn); ok {
			c.hangUp()
		}
	}
	return err
}

// unavailable takes note that the filter failed. The rest of the SMTP session
// fails as well, as in Postfix with milter_default_action = tempfail.
func (s *session) unavailable(err error) error {
	s.log.Error("the filter failed", "error", err)
	s.failure = err
	return errUnavailable()
}

// close ends the connection to the filter.
func (s *session) close() {
	if s.filter != nil && s.filter.Quit(s.ctx) != nil {
		_ = s.filter.Close()
	}
}
