package main

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// macros are the values that a mail server can tell beside the stages, by
// name. Those of a message are set as it goes along.
type macros map[string]string

func sessionMacros(client netip.AddrPort) macros {
	address := client.Addr().Unmap().String()
	return macros{
		"j": hostname, "v": "Postfix (played by Sluice's playground)",
		"{daemon_name}": hostname, "{client_addr}": address, "{client_port}": strconv.Itoa(int(client.Port())),
		"_": "[" + address + "]",
	}
}

// messageMacros are those that end with the message.
func messageMacros() []string { return []string{"i", "{mail_addr}", "{rcpt_addr}"} }

// forget ends a message's macros.
func (m macros) forget() {
	for _, name := range messageMacros() {
		delete(m, name)
	}
}

// at returns the macros of a stage: those that the filter asked for there, or
// else the usual ones, as far as they have a value.
func (m macros) at(stage wire.MacroStage, asked []wire.MacroList) []mta.Macro {
	names := usualMacros(stage)
	i := slices.IndexFunc(asked, func(l wire.MacroList) bool { return l.Stage == stage && l.Names != "" })
	if i >= 0 {
		names = strings.Fields(asked[i].Names)
	}
	var list []mta.Macro
	for _, name := range names {
		if value, ok := m[name]; ok {
			list = append(list, mta.Macro{Name: name, Value: value})
		}
	}
	return list
}

func usualMacros(stage wire.MacroStage) []string {
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

// sendMacros queues the macros of a stage before its command.
func (s *session) sendMacros(stage wire.MacroStage, before wire.CommandCode) error {
	answer, _ := s.filter.Negotiated()
	list := s.macros.at(stage, answer.Macros)
	if len(list) == 0 {
		return nil
	}
	return s.filter.Macros(before, list)
}
