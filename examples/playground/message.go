package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// errGivenUp ends a message that the client gave up.
var errGivenUp = errors.New("given up by the client")

// message is one message on its way through the filter.
type message struct {
	*session
	mta.Message
	report *Report
	edits  []wire.Reply // what the filter asked to modify

	// done says that the filter has had its last word, and discard that it
	// was Discard.
	done, discard bool
}

func newMessage(s *session, from string, opts *smtp.MailOptions) *message {
	m := &message{session: s, done: s.passed}
	m.Sender = mta.Address{Addr: "<" + from + ">", Args: mailArgs(opts)}
	m.Client = mta.Client{Addr: s.client.Addr().Unmap().String(), Port: s.client.Port()}
	m.report = newReport(m)
	return m
}

// mailArgs spells the ESMTP arguments again that the SMTP server has parsed.
func mailArgs(opts *smtp.MailOptions) []string {
	if opts == nil {
		return nil
	}
	var args []string
	if opts.Size > 0 {
		args = append(args, "SIZE="+strconv.FormatInt(opts.Size, 10))
	}
	if opts.Body != "" {
		args = append(args, "BODY="+string(opts.Body))
	}
	if opts.UTF8 {
		args = append(args, "SMTPUTF8")
	}
	return args
}

// introduced puts what the filter said of the client into the report of the
// first message.
func (m *message) introduced() {
	for _, step := range m.steps {
		m.report.step(step)
	}
	m.steps = nil
}

func (m *message) mail() error {
	err := m.greet()
	m.introduced()
	if err != nil {
		return err
	}
	m.Helo = m.smtp.Hostname()
	m.macros["{mail_addr}"] = bare(m.Sender.Addr)
	return m.ask(mta.StageMail, m.Sender.Addr, wire.MacroEnvFrom, wire.CmdMail, func() (mta.Response, error) {
		return m.filter.Mail(m.ctx, m.Sender.Addr, m.Sender.Args...)
	})
}

func (m *message) rcpt(to string) error {
	rcpt := mta.Recipient{Addr: "<" + to + ">"}
	m.macros["{rcpt_addr}"] = to
	err := m.ask(mta.StageRcpt, rcpt.Addr, wire.MacroEnvRcpt, wire.CmdRcpt, func() (mta.Response, error) {
		return m.filter.Rcpt(m.ctx, rcpt.Addr)
	})
	m.report.recipient(rcpt.Addr, err)
	if err != nil {
		return err
	}
	// As in Postfix, there is no queue id before there is a recipient.
	m.macros["i"] = m.report.ID
	m.Recipients = append(m.Recipients, rcpt)
	return nil
}

// content asks about the content, and keeps the message if it may stay.
func (m *message) content(c *mta.Message) error {
	m.Header, m.Body = c.Header, c.Body
	m.Received = m.received(time.Now())
	stages := []func() error{m.data, m.header, m.endOfHeaders, m.body, m.endOfMessage}
	for _, stage := range stages {
		if err := stage(); err != nil {
			return err
		}
	}
	return m.deliver()
}

// ask asks the filter about one event, unless it has had its last word.
func (m *message) ask(
	stage mta.Stage, about string, list wire.MacroStage, cmd wire.CommandCode, event func() (mta.Response, error),
) error {
	switch {
	case m.failure != nil:
		return errUnavailable()
	case m.done:
		return nil
	}
	if err := m.sendMacros(list, cmd); err != nil {
		return m.unavailable(err)
	}
	r, err := event()
	if err != nil {
		return m.unavailable(err)
	}
	m.report.step(mta.Step{Stage: stage, About: about, Response: r})
	m.discard = r.Code == wire.RepDiscard
	m.done = m.discard || r.Code == wire.RepAccept
	return m.tell(r)
}

// finish reports what came of the message, and leaves the filter ready for the
// next one, as Postfix does it: by an abort, whatever came before.
func (m *message) finish(err error) {
	m.macros.forget()
	if m.filter != nil && m.filter.Abort() == nil {
		_ = m.filter.Flush(m.ctx)
	}
	m.report.conclude(err)
	if m.failure != nil {
		m.report.failed(m.failure)
	}
	m.publish(m.report)
}
