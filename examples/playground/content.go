package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// received returns the Received field that the mail server adds to the message.
// Filters do not receive it.
func (m *message) received(now time.Time) *mta.Field {
	return &mta.Field{Name: "Received", Value: fmt.Sprintf(" from %s ([%s])\n\tby %s with ESMTP id %s;\n\t%s",
		m.Helo, m.Client.Addr, hostname, m.report.ID, now.Format(time.RFC1123Z))}
}

func (m *message) data() error {
	return m.ask(mta.StageData, "", wire.MacroData, wire.CmdData, func() (mta.Response, error) {
		return m.filter.Data(m.ctx)
	})
}

func (m *message) header() error {
	for _, f := range m.Header {
		if !fitsProtocol(f) {
			return errNul()
		}
		err := m.ask(mta.StageHeader, f.Name, wire.MacroEOH, wire.CmdHeader, func() (mta.Response, error) {
			return m.filter.Header(m.ctx, f.Name, f.Value)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *message) endOfHeaders() error {
	return m.ask(mta.StageEndOfHeaders, "", wire.MacroEOH, wire.CmdEOH, func() (mta.Response, error) {
		return m.filter.EndOfHeaders(m.ctx)
	})
}

func (m *message) body() error {
	for rest := m.Body; len(rest) > 0; {
		chunk := rest[:min(len(rest), wire.MaxBodyChunk)]
		rest = rest[len(chunk):]
		err := m.ask(mta.StageBody, "", wire.MacroEOM, wire.CmdBody, func() (mta.Response, error) {
			return m.filter.Body(m.ctx, chunk)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *message) endOfMessage() error {
	err := m.ask(mta.StageEndOfMessage, "", wire.MacroEOM, wire.CmdBodyEOB, func() (r mta.Response, err error) {
		r, m.edits, err = m.filter.EndOfMessage(m.ctx, nil)
		return r, err
	})
	m.report.modified(m.edits)
	return err
}

// deliver applies the filter's edits to the message and stores it.
func (m *message) deliver() error {
	if m.discard {
		m.report.Verdict = Discarded
		return nil
	}
	answer, _ := m.filter.Negotiated()
	edited, err := mta.Apply(&m.Message, m.edits, mta.Postfix, answer.Protocol)
	if err != nil {
		return m.unavailable(err)
	}
	if len(edited.Recipients) == 0 { // as in Postfix, a message without recipients is discarded
		m.report.Verdict = Discarded
		return nil
	}
	m.report.Diff = diffMessages(m.Bytes(), edited.Bytes())
	return m.store(withEnvelope(edited))
}

// store sets the verdict and stores the message in the folder for it.
func (m *message) store(text []byte) error {
	folder := ""
	if m.report.Verdict = Accepted; m.report.Quarantine != "" {
		m.report.Verdict, folder = Quarantined, quarantineFolder
	}
	var err error
	if m.report.File, err = m.maildir.deliver(folder, text); err != nil {
		m.log.Error("message not stored", "error", err)
		m.report.failed(err)
		return errNotStored()
	}
	return nil
}

// withEnvelope returns the message with its envelope in fields at the top, as
// the mail server that makes the final delivery adds it (RFC 5321, section
// 4.4).
func withEnvelope(edited *mta.Message) []byte {
	text := fmt.Appendf(nil, "Return-Path: <%s>\r\n", bare(edited.Sender.Addr))
	for _, r := range edited.Recipients {
		text = fmt.Appendf(text, "Delivered-To: %s\r\n", bare(r.Addr))
	}
	return append(text, edited.Bytes()...)
}

// bare returns an address without its angle brackets.
func bare(addr string) string { return strings.Trim(addr, "<>") }
