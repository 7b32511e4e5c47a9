package main

import (
	"net/netip"

	"github.com/emersion/go-smtp"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// newSession connects to the filter and sends it the client's address and name.
// An error is the SMTP reply to the client. The session is valid even then, so
// that the caller can report and close it.
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
	r, err := s.filter.Connect(s.ctx, connectCommand(s.client))
	return s.onReply(mta.StageConnect, r, err)
}

// connectCommand returns the command that tells the filter who the client is.
// The playground does not look up the client's name and sends the address in
// brackets instead.
func connectCommand(client netip.AddrPort) *wire.Connect {
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

// greet sends the client's HELO name to the filter, unless the filter has it
// already or accepted the whole session.
func (s *session) greet() error {
	if s.passed || s.helo == s.smtp.Hostname() {
		return nil
	}
	if err := s.sendMacros(wire.MacroHelo, wire.CmdHelo); err != nil {
		return s.unavailable(err)
	}
	r, err := s.filter.Helo(s.ctx, s.smtp.Hostname())
	if err := s.onReply(mta.StageHelo, r, err); err != nil {
		return err
	}
	s.helo = s.smtp.Hostname()
	return nil
}

// onReply records the filter's reply about the client. It returns the SMTP
// reply to the client if the filter refused, and else nil.
func (s *session) onReply(stage mta.Stage, r mta.Response, err error) error {
	if err != nil {
		return s.unavailable(err)
	}
	s.steps = append(s.steps, mta.Step{Stage: stage, Response: r})
	s.passed = r.Code == wire.RepAccept
	return s.refusal(r)
}

// refusal returns the SMTP reply to the client if the filter's reply is a
// refusal, and else nil. After the code 421, refusal also closes the
// connection.
func (s *session) refusal(r mta.Response) error {
	err := smtpReply(r)
	if hangsUp(err) {
		s.gone = err
		if c, ok := s.smtp.Conn().(*clientConn); ok {
			c.hangUp()
		}
	}
	return err
}

// unavailable records that the filter failed, and returns the SMTP reply to the
// client. The rest of the SMTP session fails too, as in Postfix with
// milter_default_action = tempfail.
func (s *session) unavailable(err error) error {
	s.log.Error("filter failed", "error", err)
	s.failure = err
	return errUnavailable()
}

// close ends the connection to the filter.
func (s *session) close() {
	if s.filter != nil && s.filter.Quit(s.ctx) != nil {
		_ = s.filter.Close()
	}
}
