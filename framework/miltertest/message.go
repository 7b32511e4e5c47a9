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
type MessageOption func(*draft)

// draft is a message while its options are read. The macros are kept apart,
// because the defaults among them depend on all the rest.
type draft struct {
	msg    mta.Message
	macros []stageMacro
}

type stageMacro struct {
	stage wire.MacroStage
	mta.Macro
}

// Message returns a message with the given text: header, empty line, body, with
// line ends of either kind. Without options a client named client.example.org at
// 192.0.2.1 sends it from sender@example.org to recipient@example.net, with the
// macros of [mta.DefaultMacros].
//
// The result is an ordinary [mta.Message] whose fields may be changed before it
// is run.
func Message(text string, opts ...MessageOption) *mta.Message {
	var d draft
	if m, err := mta.ReadMessage(strings.NewReader(text)); err == nil { // a string is always read
		d.msg = *m
	}
	d.msg.Client = mta.Client{
		Host: "client.example.org", Family: wire.FamilyInet, Addr: "192.0.2.1", Port: 54321,
	}
	d.msg.Helo = "client.example.org"
	d.msg.Sender.Addr = "<sender@example.org>"
	for _, opt := range opts {
		opt(&d)
	}
	if d.msg.Recipients == nil {
		To("recipient@example.net")(&d)
	}
	d.addMacros()
	return &d.msg
}

// From sets the envelope sender, with ESMTP arguments such as "SIZE=1000". An
// address without angle brackets gets them; "" is the sender of a bounce.
func From(addr string, args ...string) MessageOption {
	return func(d *draft) { d.msg.Sender = mta.Address{Addr: bracketed(addr), Args: args} }
}

// To adds envelope recipients. An address without angle brackets gets them.
func To(addrs ...string) MessageOption {
	return func(d *draft) {
		for _, addr := range addrs {
			d.msg.Recipients = append(d.msg.Recipients, mta.Recipient{Addr: bracketed(addr)})
		}
	}
}

// ToRefused adds a recipient that the MTA itself refuses with the given SMTP
// reply, such as "550 5.1.1 unknown user". Only filters with
// [framework.Router.ObserveRejectedRcpt] get to see it.
func ToRefused(addr, reply string) MessageOption {
	return func(d *draft) {
		d.msg.Recipients = append(d.msg.Recipients, mta.Recipient{Addr: bracketed(addr), Refusal: reply})
	}
}

// Client sets the IP address of the SMTP client, of either family. It panics
// when addr is no IP address.
func Client(addr string) MessageOption {
	family := wire.FamilyInet
	if netip.MustParseAddr(addr).Is6() {
		family = wire.FamilyInet6
	}
	return func(d *draft) { d.msg.Client.Family, d.msg.Client.Addr = family, addr }
}

// ClientName sets the SMTP client's name as the MTA found it in the DNS.
func ClientName(name string) MessageOption {
	return func(d *draft) { d.msg.Client.Host = name }
}

// Helo sets the name that the SMTP client gives itself.
func Helo(name string) MessageOption {
	return func(d *draft) { d.msg.Helo = name }
}

// Auth has the client logged in as user: the macros {auth_authen} and
// {auth_type} are there from Mail on.
func Auth(user string) MessageOption {
	return func(d *draft) {
		d.set(wire.MacroEnvFrom, "{auth_type}", "PLAIN")
		d.set(wire.MacroEnvFrom, "{auth_authen}", user)
	}
}

// QueueID sets the MTA's name for the message, the macro i from Rcpt on, as
// Postfix does.
func QueueID(id string) MessageOption {
	return func(d *draft) {
		for _, stage := range []wire.MacroStage{wire.MacroEnvRcpt, wire.MacroData, wire.MacroEOH, wire.MacroEOM} {
			d.set(stage, "i", id)
		}
	}
}

// Macro sets a macro that the MTA has a value for from the given stage on:
// Connect, Helo, Mail, Rcpt, Data, EndOfHeaders or EndOfMessage; it panics for
// others. The name may be given with or without its braces.
func Macro(stage framework.Stage, name, value string) MessageOption {
	list := macroStage(stage)
	return func(d *draft) { d.set(list, braced(name), value) }
}

func (d *draft) set(stage wire.MacroStage, name, value string) {
	d.macros = append(d.macros, stageMacro{stage, mta.Macro{Name: name, Value: value}})
}

// addMacros puts what the options set in the place of the defaults.
func (d *draft) addMacros() {
	lists := mta.DefaultMacros(&d.msg)
	for _, m := range d.macros {
		same := func(other mta.Macro) bool { return other.Name == m.Name }
		lists[m.stage] = append(slices.DeleteFunc(lists[m.stage], same), m.Macro)
	}
	d.msg.Macros = lists
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
