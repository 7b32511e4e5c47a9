package pagetest

import (
	"fmt"
	"time"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// id returns the ID of the record with a number.
func id(n int) string { return fmt.Sprintf("%08d", n) }

// ID returns the ID of the record with a number, as Mail makes it.
func ID(n int) string { return id(n) }

// Mail returns the record with a number, from 1, that began at a time. Ten numbers in a row have
// one record of each kind.
func Mail(n int, began time.Time) *record.Message {
	m := plain(n, began)
	switch n % 10 {
	case 1, 2:
		edited(m)
	case 3:
		refusedByReply(m)
	case 4:
		greylisted(m)
	case 5:
		quarantined(m)
	case 6:
		failed(m)
	case 7:
		aborted(m)
	case 8:
		refusedClient(m)
	case 9:
		discarded(m)
	}
	return m
}

// Mailbox returns records of all kinds, oldest first, the last of which began at a time.
func Mailbox(n int, now time.Time) []*record.Message {
	var list []*record.Message
	for i := 1; i <= n; i++ {
		list = append(list, Mail(i, now.Add(time.Duration(i-n)*17*time.Second)))
	}
	return list
}

var subjects = []string{
	"Minutes of Thursday’s meeting", "Invoice 2026-1187", "Re: spare key for the workshop", "Your parcel is on its way",
	"Weekly report: queue and delivery", "Grüße aus Tübingen", "Re: Re: budget for the new rack", "会議の資料", "Change of address",
}

// plain is an ordinary message: accepted, seen by all filters.
func plain(n int, began time.Time) *record.Message {
	subject := subjects[n%len(subjects)]
	m := &record.Message{
		Summary: record.Summary{
			ID: id(n), Session: fmt.Sprintf("0197a3%06x", n), Number: 1, QueueID: fmt.Sprintf("4bX%05XzQ", n*7919%1048576),
			Began: began, Took: 212 * time.Millisecond, Working: 190 * time.Millisecond, MTA: "127.0.0.1:41822", Software: "Postfix 3.7.11",
			Client: record.Client{Addr: fmt.Sprintf("198.51.100.%d", n%250), Name: "mail.example.net", Helo: "mail.example.net"},
			Sender: "olga@example.net", Recipients: []record.Recipient{{Address: "ben@example.org"}},
			Subject: subject,
			Outcome: record.Outcome{State: record.StateAccepted, Verdict: record.Verdict{Kind: "continue", Stage: "end of message"}},
			Kept:    record.KeptSampled, Slowest: "scanner", SlowestWork: 178 * time.Millisecond,
		},
		Content: record.ContentAll,
		Macros: []record.Macro{
			{Stage: "connect", Name: "j", Value: "mx.example.org"},
			{Stage: "connect", Name: "{daemon_name}", Value: "smtpd"},
			{Stage: "mail", Name: "{mail_addr}", Value: "olga@example.net"},
			{Stage: "end of message", Name: "i", Value: "4bX0"},
		},
		Attributes: []record.Attribute{{Key: "spf", Value: "pass"}, {Key: "scanner.score", Value: "1.7"}},
		Header: []record.Field{
			{Name: "Received", Value: "from mail.example.net (mail.example.net [198.51.100.9])\n\tby mx.example.org (Postfix) with ESMTPS id 4bX0"},
			{Name: "From", Value: "Olga <olga@example.net>"},
			{Name: "To", Value: "ben@example.org"},
			{Name: "Subject", Value: subject},
			{Name: "Date", Value: "Mon, 30 Nov 2026 09:14:02 +0100"},
			{Name: "Message-ID", Value: fmt.Sprintf("<%d.8812@example.net>", n)},
			{Name: "Content-Type", Value: "text/plain; charset=utf-8"},
		},
		Body: []byte("Hello Ben,\r\n\r\nthe minutes are attached below.\r\n\r\n- rack 4 moves on Friday\r\n- the key is with Ida\r\n\r\nOlga\r\n"),
		Notes: []record.Note{
			{At: 3 * time.Millisecond, Took: 7 * time.Millisecond, Filter: "spf", Kind: "dns", Text: "TXT example.net: v=spf1 mx -all"},
			{At: 10 * time.Millisecond, Took: 2 * time.Millisecond, Filter: "spf", Kind: "dns", Text: "MX example.net: mail.example.net"},
		},
	}
	m.BodySize = int64(len(m.Body))
	for _, f := range filters {
		m.Filters = append(m.Filters, record.Filter{Name: f.name, Called: true, Working: f.work, Verdict: record.Verdict{Kind: "continue"}})
	}
	m.Stages = stages()
	m.Frames = frames(m)
	return m
}

// stages is the time line of a message that reached its end.
func stages() []record.Stage {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	call := func(filter string, n int, d time.Duration) record.Call {
		return record.Call{Filter: filter, Count: n, Working: d, Longest: d / time.Duration(n)}
	}
	return []record.Stage{
		{Name: "connect", Earlier: true, Frames: 1, Working: ms(0.01), Reply: "SMFIR_CONTINUE"},
		{Name: "helo", Earlier: true, Frames: 1},
		{Name: "mail", Working: ms(9.1), Frames: 1, Reply: "SMFIR_CONTINUE", Calls: []record.Call{call("spf", 1, ms(9.1))}},
		{Name: "rcpt", At: ms(11), Waiting: ms(0.8), Working: ms(0.4), Frames: 1, Reply: "SMFIR_CONTINUE", Calls: []record.Call{call("greylist", 1, ms(0.4))}},
		{Name: "data", At: ms(12.2), Waiting: ms(4.5), Frames: 1},
		{Name: "header", At: ms(16.8), Waiting: ms(2.2), Working: ms(0.1), Frames: 7, Calls: []record.Call{call("headers", 7, ms(0.06)), call("scanner", 7, ms(0.04))}},
		{Name: "end of headers", At: ms(19), Waiting: ms(0.1), Frames: 1},
		{Name: "body", At: ms(19.2), Waiting: ms(3), Working: ms(1.3), Frames: 1, Reply: "SMFIR_CONTINUE", Calls: []record.Call{call("scanner", 1, ms(1.1)), call("banner", 1, ms(0.2))}},
		{
			Name: "end of message", At: ms(22.5), Waiting: ms(0.2), Working: ms(179), Frames: 1, Reply: "SMFIR_CONTINUE",
			Calls: []record.Call{call("headers", 1, ms(0.05)), call("scanner", 1, ms(178)), call("banner", 1, ms(0.7))},
		},
	}
}

// frames is the conversation of a message that reached its end.
func frames(m *record.Message) []record.Frame {
	list := []record.Frame{
		{FromMTA: true, Size: 17, Text: "SMFIC_OPTNEG version 6"},
		{Size: 31, Text: "SMFIC_OPTNEG version 6, actions ADDHDRS CHGHDRS CHGBODY"},
		{FromMTA: true, Size: 44, Text: "SMFIC_CONNECT " + m.Client.Name + " " + m.Client.Addr},
		{Size: 5, Text: "SMFIR_CONTINUE"},
		{FromMTA: true, Size: 22, Text: "SMFIC_HELO " + m.Client.Helo},
		{FromMTA: true, Size: 26, Text: "SMFIC_MAIL <" + m.Sender + ">"},
		{Size: 5, Text: "SMFIR_CONTINUE"},
	}
	for _, r := range m.Recipients {
		list = append(list, record.Frame{FromMTA: true, Size: 24, Text: "SMFIC_RCPT <" + r.Address + ">"}, record.Frame{Size: 5, Text: "SMFIR_CONTINUE"})
	}
	list = append(list, record.Frame{FromMTA: true, Size: 5, Text: "SMFIC_DATA"})
	for _, f := range m.Header {
		list = append(list, record.Frame{FromMTA: true, Size: 7 + len(f.Name) + len(f.Value), Text: "SMFIC_HEADER " + f.Name + ": " + f.Value})
	}
	list = append(list, record.Frame{FromMTA: true, Size: 5 + len(m.Body), Text: fmt.Sprintf("SMFIC_BODY %d bytes", len(m.Body))},
		record.Frame{FromMTA: true, Size: 5, Text: "SMFIC_BODYEOB"}, record.Frame{Size: 5, Text: "SMFIR_CONTINUE"})
	for i := range list {
		list[i].At = time.Duration(i) * 11 * time.Millisecond
	}
	return list
}
