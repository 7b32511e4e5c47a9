package miltertest

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// MessageOption says something about a message that its text does not.
type MessageOption func(*mta.Message)

// Message returns a message with the given text: header, empty line, body, with
// line ends of either kind. Without options a client named client.example.org at
// 192.0.2.1 sends it from sender@example.org to recipient@example.net, with the
// macros that the MTA which is played sends by default.
//
// The result is an ordinary [mta.Message] whose fields may be changed before it
// is run.
func Message(text string, opts ...MessageOption) *mta.Message {
	m, err := mta.ReadMessage(strings.NewReader(text))
	if err != nil { // a string is always read
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

// From sets the envelope sender, with ESMTP arguments such as "SIZE=1000". An
// address without angle brackets gets them; "" is the sender of a bounce.
func From(addr string, args ...string) MessageOption {
	return func(m *mta.Message) { m.Sender = mta.Address{Addr: bracketed(addr), Args: args} }
}

// To adds envelope recipients. An address without angle brackets gets them.
func To(addrs ...string) MessageOption {
	return func(m *mta.Message) {
		for _, addr := range addrs {
			m.Recipients = append(m.Recipients, mta.Recipient{Addr: bracketed(addr)})
		}
	}
}

// ToRefused adds a recipient that the MTA itself refuses with the given SMTP
// reply, such as "550 5.1.1 unknown user". Only filters with
// [framework.Router.ObserveRejectedRcpt] get to see it.
func ToRefused(addr, reply string) MessageOption {
	return func(m *mta.Message) {
		m.Recipients = append(m.Recipients, mta.Recipient{Addr: bracketed(addr), Refusal: reply})
	}
}

// Client sets the IP address of the SMTP client, of either family. It panics
// when addr is no IP address.
func Client(addr string) MessageOption {
	family := wire.FamilyInet
	if netip.MustParseAddr(addr).Is6() {
		family = wire.FamilyInet6
	}
	return func(m *mta.Message) { m.Client.Family, m.Client.Addr = family, addr }
}

// ClientName sets the SMTP client's name as the MTA found it in the DNS.
func ClientName(name string) MessageOption {
	return func(m *mta.Message) { m.Client.Host = name }
}

// Helo sets the name that the SMTP client gives itself.
func Helo(name string) MessageOption {
	return func(m *mta.Message) { m.Helo = name }
}

// Auth has the client logged in as user: the macros {auth_authen} and
// {auth_type} are there from Mail on.
func Auth(user string) MessageOption {
	return func(m *mta.Message) {
		set(m, wire.MacroEnvFrom, "{auth_type}", "PLAIN")
		set(m, wire.MacroEnvFrom, "{auth_authen}", user)
	}
}

// QueueID sets the MTA's name for the message, the macro i. When a filter gets
// to know it is the MTA's affair: Postfix has none before it has accepted a
// recipient.
func QueueID(id string) MessageOption {
	return func(m *mta.Message) { m.QueueID = id }
}

// Macro sets a macro that the MTA has a value for from the given stage on:
// Connect, Helo, Mail, Rcpt, Data, EndOfHeaders or EndOfMessage; it panics for
// others. The name may be given with or without its braces.
func Macro(stage framework.Stage, name, value string) MessageOption {
	list := macroStage(stage)
	return func(m *mta.Message) { set(m, list, braced(name), value) }
}

// set puts a macro beside the defaults of whatever MTA is played.
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
		panic("miltertest: MTAs send no macros at the stage " + stage.String())
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
