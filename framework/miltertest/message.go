package miltertest

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// MessageOption sets a property of a message that is not part of its text, such
// as its envelope or its client.
type MessageOption func(*mta.Message)

// Message returns a message with the given text: header, empty line and body.
// Lines may end with LF or CRLF. Without options, the client is
// client.example.org at 192.0.2.1, the sender is sender@example.org, the
// recipient is recipient@example.net, and the macros are the defaults of the
// simulated MTA.
//
// The caller may change the fields of the returned [mta.Message] before sending
// it.
func Message(text string, opts ...MessageOption) *mta.Message {
	m, err := mta.ReadMessage(strings.NewReader(text))
	if err != nil { // not reached: reading a string does not fail
		m = new(mta.Message)
	}
	m.Client = mta.Client{
		Host: "client.example.org", Family: wire.FamilyInet, Addr: "192.0.2.1", Port: 54321,
	}
	m.Helo = "client.example.org"
	m.Sender.Addr = "<sender@example.org>"
	for _, opt := range opts {
		opt(m)
	}
	if m.Recipients == nil {
		To("recipient@example.net")(m)
	}
	return m
}

// From sets the envelope sender and its ESMTP arguments, such as "SIZE=1000".
// It adds angle brackets if addr has none. An empty addr is the null sender of
// a bounce.
func From(addr string, args ...string) MessageOption {
	return func(m *mta.Message) { m.Sender = mta.Address{Addr: bracketed(addr), Args: args} }
}

// To adds envelope recipients. It adds angle brackets to addresses without
// them.
func To(addrs ...string) MessageOption {
	return func(m *mta.Message) {
		for _, addr := range addrs {
			m.Recipients = append(m.Recipients, mta.Recipient{Addr: bracketed(addr)})
		}
	}
}

// ToRefused adds a recipient that the MTA itself refuses with the given SMTP
// reply, such as "550 5.1.1 unknown user". Only filters that use
// [framework.Router.ObserveRejectedRcpt] see it.
func ToRefused(addr, reply string) MessageOption {
	return func(m *mta.Message) {
		m.Recipients = append(m.Recipients, mta.Recipient{Addr: bracketed(addr), Refusal: reply})
	}
}

// Client sets the IPv4 or IPv6 address of the SMTP client. It panics if addr is
// not an IP address.
func Client(addr string) MessageOption {
	family := wire.FamilyInet
	if netip.MustParseAddr(addr).Is6() {
		family = wire.FamilyInet6
	}
	return func(m *mta.Message) { m.Client.Family, m.Client.Addr = family, addr }
}

// ClientName sets the host name of the SMTP client that the MTA found in the
// DNS.
func ClientName(name string) MessageOption {
	return func(m *mta.Message) { m.Client.Host = name }
}

// Helo sets the name that the SMTP client sends with HELO or EHLO.
func Helo(name string) MessageOption {
	return func(m *mta.Message) { m.Helo = name }
}

// Auth sets the user that the client authenticated as. The macros {auth_authen}
// and {auth_type} are set from the Mail stage on.
func Auth(user string) MessageOption {
	return func(m *mta.Message) {
		set(m, wire.MacroEnvFrom, "{auth_type}", "PLAIN")
		set(m, wire.MacroEnvFrom, "{auth_authen}", user)
	}
}

// QueueID sets the MTA's queue ID for the message, the macro i. The MTA decides
// when the filter sees it: Postfix has no queue ID before it has accepted a
// recipient.
func QueueID(id string) MessageOption {
	return func(m *mta.Message) { m.QueueID = id }
}

// Macro sets a macro that the MTA sends from the given stage on. The stage is
// Connect, Helo, Mail, Rcpt, Data, EndOfHeaders or EndOfMessage; Macro panics
// for any other stage. The name may be given with or without braces.
func Macro(stage framework.Stage, name, value string) MessageOption {
	list := macroStage(stage)
	return func(m *mta.Message) { set(m, list, braced(name), value) }
}

// set adds a macro to the default macros of the simulated MTA.
func set(m *mta.Message, stage wire.MacroStage, name, value string) {
	if m.ExtraMacros == nil {
		m.ExtraMacros = make(map[wire.MacroStage][]mta.Macro)
	}
	same := func(other mta.Macro) bool { return other.Name == name }
	list := slices.DeleteFunc(m.ExtraMacros[stage], same)
	m.ExtraMacros[stage] = append(list, mta.Macro{Name: name, Value: value})
}

func macroStage(stage framework.Stage) wire.MacroStage {
	switch stage {
	case framework.StageConnect:
		return wire.MacroConnect
	case framework.StageHelo:
		return wire.MacroHelo
	case framework.StageMail:
		return wire.MacroEnvFrom
	case framework.StageRcpt:
		return wire.MacroEnvRcpt
	case framework.StageData:
		return wire.MacroData
	case framework.StageEndOfHeaders:
		return wire.MacroEOH
	case framework.StageEndOfMessage:
		return wire.MacroEOM
	default:
		panic("miltertest: Macro: MTAs send no macros at stage " + stage.String())
	}
}

func braced(name string) string {
	if len(name) > 1 && name[0] != '{' {
		return "{" + name + "}"
	}
	return name
}

func bracketed(addr string) string {
	if strings.HasPrefix(addr, "<") {
		return addr
	}
	return "<" + addr + ">"
}

func unbracketed(addr string) string {
	return strings.TrimSuffix(strings.TrimPrefix(addr, "<"), ">")
}
