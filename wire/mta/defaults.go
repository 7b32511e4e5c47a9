package mta

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// DefaultMacros returns the macros that Postfix sends by default, as far as
// they have a value in plain SMTP. The caller may change the map and pass it
// in [Message.Macros]. {rcpt_addr}, {rcpt_host} and {rcpt_mailer} are not in
// it: they differ by recipient, and [Conn.Send] adds them. Nor is the queue id
// at RCPT, for a reason of the same kind: Postfix has none before it has
// accepted a recipient.
func DefaultMacros(m *Message) map[wire.MacroStage][]Macro {
	m = m.named()
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

// SendmailMacros is [DefaultMacros] for Sendmail. It has no lists for DATA and the
// end of the header, and one without values for HELO.
func SendmailMacros(m *Message) map[wire.MacroStage][]Macro {
	m = m.named()
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

// plainMacros are like those of Sendmail, with the queue id at each stage, or
// from DATA on where it is to be late.
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

func client(m *Message) Macro { return Macro{"_", m.Client.Host + " [" + m.Client.Addr + "]"} }

// rcptMacros are those that differ by recipient: the queue id, once there is
// one, and what is known of the address.
func (t *transaction) rcptMacros(r Recipient) []Macro {
	list := addressMacros(r)
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

// domain returns what stands behind the last at sign of an address.
func domain(addr string) string {
	addr = bare(addr)
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return ""
	}
	return addr[at+1:]
}
