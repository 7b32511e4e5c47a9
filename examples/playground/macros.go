package main

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// macros maps the names of the macros that the mail server can send to their
// values. The macros of a message are set while the message arrives.
type macros map[string]string

func sessionMacros(client netip.AddrPort) macros {
	address := client.Addr().Unmap().String()
	return macros{
		"j": hostname, "v": "Postfix (played by Sluice's playground)",
		"{daemon_name}": hostname, "{client_addr}": address, "{client_port}": strconv.Itoa(int(client.Port())),
		"_": "[" + address + "]",
	}
}

// messageMacros returns the names of the macros that end with the message.
func messageMacros() []string { return []string{"i", "{mail_addr}", "{rcpt_addr}"} }

// resetMessage removes the macros of a message.
func (m macros) resetMessage() {
	for _, name := range messageMacros() {
		delete(m, name)
	}
}

// at returns the macros of a stage that have a value. They are the macros that
// the filter requested for the stage, or the default ones if it requested none.
func (m macros) at(stage wire.MacroStage, requested []wire.MacroList) []mta.Macro {
	names := defaultMacros(stage)
	i := slices.IndexFunc(requested, func(l wire.MacroList) bool { return l.Stage == stage && l.Names != "" })
	if i >= 0 {
		names = strings.Fields(requested[i].Names)
	}
	var list []mta.Macro
	for _, name := range names {
		if value, ok := m[name]; ok {
			list = append(list, mta.Macro{Name: name, Value: value})
		}
	}
	return list
}

func defaultMacros(stage wire.MacroStage) []string {
	switch stage {
	case wire.MacroConnect:
		return []string{"j", "{daemon_name}", "v", "_"}
	case wire.MacroEnvFrom:
		return []string{"{mail_addr}"}
	case wire.MacroEnvRcpt:
		return []string{"i", "{rcpt_addr}"}
	case wire.MacroData, wire.MacroEOH, wire.MacroEOM:
		return []string{"i"}
	default:
		return nil
	}
}

// sendMacros queues the macros of a stage, to be sent before its command.
func (s *session) sendMacros(stage wire.MacroStage, before wire.CommandCode) error {
	answer, _ := s.filter.Negotiated()
	list := s.macros.at(stage, answer.Macros)
	if len(list) == 0 {
		return nil
	}
	return s.filter.Macros(before, list)
}
