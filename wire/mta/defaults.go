package mta

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// DefaultMacros returns the macros that Postfix sends by default and that have
// a value in plain SMTP. The caller may change the map and pass it in
// [Message.Macros]. The map lacks {rcpt_addr}, {rcpt_host} and {rcpt_mailer},
// which differ by recipient. [Conn.Send] adds them. The map also lacks the
// queue ID at RCPT, because Postfix assigns one only when it accepts the first
// recipient.
func DefaultMacros(m *Message) map[wire.MacroStage][]Macro {
	m = m.withNames()
	id := Macro{"i", cmp.Or(m.QueueID, "4ZsluiceZ1")}
	return map[wire.MacroStage][]Macro{
		wire.MacroConnect: {
			{"j", "mx.example.org"},
			{"{daemon_name}", "mx.example.org"},
			{"{daemon_addr}", "192.0.2.25"},
			{"v", "Postfix 3.7.11"},
			client(m),
		},
		wire.MacroHelo: nil,
		wire.MacroEnvFrom: {
			{"{mail_addr}", bare(m.Sender.Addr)},
			{"{mail_host}", domain(m.Sender.Addr)},
			{"{mail_mailer}", "smtp"},
		},
		wire.MacroEnvRcpt: nil,
		wire.MacroData:    {id},
		wire.MacroEOH:     {id},
		wire.MacroEOM:     {id},
	}
}

// SendmailMacros is like [DefaultMacros] for Sendmail. Sendmail has no lists
// for DATA and the end of the header, and its list for HELO has no values.
func SendmailMacros(m *Message) map[wire.MacroStage][]Macro {
	m = m.withNames()
	id := cmp.Or(m.QueueID, "6AM7sluice000001")
	return map[wire.MacroStage][]Macro{
		wire.MacroConnect: {
			{"j", "mx.example.org"}, client(m), {"{daemon_name}", "MTA"}, {"{if_name}", "mx.example.org"},
		},
		wire.MacroHelo: nil,
		wire.MacroEnvFrom: {
			{"i", id},
			{"{mail_mailer}", "esmtp"},
			{"{mail_host}", domain(m.Sender.Addr)},
			{"{mail_addr}", bare(m.Sender.Addr)},
		},
		wire.MacroEnvRcpt: nil,
		wire.MacroEOM:     {{"{msg_id}", "<" + id + "@mx.example.org>"}},
	}
}

// plainMacros returns Sendmail's macros with the queue ID at each stage. If
// late is set, the queue ID is there only from DATA on.
func plainMacros(m *Message, late bool) map[wire.MacroStage][]Macro {
	lists := SendmailMacros(m)
	id := lists[wire.MacroEnvFrom][0]
	if late {
		lists[wire.MacroEnvFrom] = lists[wire.MacroEnvFrom][1:]
	}
	for _, stage := range []wire.MacroStage{wire.MacroData, wire.MacroEOH, wire.MacroEOM} {
		lists[stage] = append(lists[stage], id)
	}
	return lists
}

// fewMacros returns the macros of Stalwart.
func fewMacros(m *Message) map[wire.MacroStage][]Macro {
	return map[wire.MacroStage][]Macro{
		wire.MacroConnect: {
			{"{daemon_name}", "Stalwart v0.15.0"},
			{"j", "mx.example.org"},
			{"{client_addr}", m.Client.Addr},
			{"{client_port}", strconv.Itoa(int(m.Client.Port))},
			{"{client_ptr}", m.Client.Host},
		},
		wire.MacroHelo:    {{"{cipher}", ""}, {"{tls_version}", ""}},
		wire.MacroEnvFrom: {{"{mail_addr}", bare(m.Sender.Addr)}},
		wire.MacroEnvRcpt: nil,
	}
}

// fixedMacros returns the macros of Maddy.
func fixedMacros(m *Message) map[wire.MacroStage][]Macro {
	return map[wire.MacroStage][]Macro{
		wire.MacroConnect: {{"daemon_name", "maddy"}, {"if_name", "unknown"}, {"if_addr", "0.0.0.0"}},
		wire.MacroEnvFrom: {{"i", cmp.Or(m.QueueID, "177f147e")}},
	}
}

func client(m *Message) Macro { return Macro{"_", m.Client.Host + " [" + m.Client.Addr + "]"} }

// rcptMacros returns the macros that differ by recipient: those of its address,
// and the queue ID if Postfix has one by then.
func (t *transaction) rcptMacros(r Recipient) []Macro {
	list := addressMacros(r)
	switch {
	case t.has(FewMacros):
		return list[:1]
	case t.has(FixedMacros):
		return nil
	}
	if t.cfg.Flavor == Sendmail {
		slices.Reverse(list)
	}
	if !t.has(QueueIDLate) {
		return list
	}
	if id, ok := t.msg.macro(wire.MacroData, "i"); ok && len(t.out.Accepted) > 0 {
		list = append([]Macro{id}, list...)
	}
	return list
}

func addressMacros(r Recipient) []Macro {
	if r.Refusal != "" {
		status, text := refusal(r.Refusal)
		return []Macro{{"{rcpt_addr}", text}, {"{rcpt_host}", status}, {"{rcpt_mailer}", "error"}}
	}
	return []Macro{{"{rcpt_addr}", bare(r.Addr)}, {"{rcpt_host}", domain(r.Addr)}, {"{rcpt_mailer}", "local"}}
}

// refusal splits an SMTP reply into its enhanced status and its text.
func refusal(reply string) (status, text string) {
	code, rest, _ := strings.Cut(reply, " ")
	status, text, found := strings.Cut(rest, " ")
	if !found || !strings.HasPrefix(status, code[:min(1, len(code))]) {
		return "5.0.0", rest
	}
	return status, text
}

// bare returns the address without its angle brackets.
func bare(addr string) string {
	return strings.TrimSuffix(strings.TrimPrefix(addr, "<"), ">")
}

// domain returns the part of an address after the last at sign.
func domain(addr string) string {
	addr = bare(addr)
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return ""
	}
	return addr[at+1:]
}
