package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// errAbandoned is the result of a message that the client abandoned.
var errAbandoned = errors.New("abandoned by the client")

// message is the state of one message that passes through the filter.
type message struct {
	*session
	mta.Message
	report *Report
	edits  []wire.Reply // the edits that the filter requested

	// done is set if the filter gave a final verdict other than a refusal,
	// and discard if that verdict was Discard.
	done, discard bool
}

func newMessage(s *session, from string, opts *smtp.MailOptions) *message {
	m := &message{session: s, done: s.passed}
	m.Sender = mta.Address{Addr: "<" + from + ">", Args: mailArgs(opts)}
	m.Client = mta.Client{Addr: s.client.Addr().Unmap().String(), Port: s.client.Port()}
	m.report = newReport(m)
	return m
}

// mailArgs formats the ESMTP arguments that the SMTP server has parsed.
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

// takeSteps moves the session's steps, which are the filter's replies about the
// client, to the report of the message.
func (m *message) takeSteps() {
	for _, step := range m.steps {
		m.report.step(step)
	}
	m.steps = nil
}

func (m *message) mail() error {
	err := m.greet()
	m.takeSteps()
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
	// As in Postfix, the queue ID is known only after the first recipient.
	m.macros["i"] = m.report.ID
	m.Recipients = append(m.Recipients, rcpt)
	return nil
}

// content sends the content to the filter and stores the message, unless the
// filter refused it.
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

// ask sends one event to the filter, unless the filter gave a final verdict.
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
	return m.refusal(r)
}

// finish reports the outcome of the message. As Postfix does, it sends an abort
// after every message, so that the filter is ready for the next one.
func (m *message) finish(err error) {
	m.macros.resetMessage()
	if m.filter != nil && m.filter.Abort() == nil {
		_ = m.filter.Flush(m.ctx)
	}
	m.report.conclude(err)
	if m.failure != nil {
		m.report.failed(m.failure)
	}
	m.publish(m.report)
}
