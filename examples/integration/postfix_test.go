//go:build integration

package integration_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// The tests in this file check behavior of Postfix on which the framework relies
// and which only its source documents.

const allNo = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoData |
	wire.ProtoNoHdrs | wire.ProtoNoEOH | wire.ProtoNoBody | wire.ProtoNoUnknown

// macros returns the names of the macros that were sent before each command.
func macros(lines []string) map[string]string {
	value := regexp.MustCompile(`="[^"]*"`)
	sent := make(map[string]string)
	for _, l := range lines {
		if rest, ok := strings.CutPrefix(l, "MTA SMFIC_MACRO for "); ok {
			command, list, _ := strings.Cut(rest, " ")
			sent[command] = value.ReplaceAllString(list, "")
		}
	}
	return sent
}

// TestMacroLists shows which lists make Postfix send fewer macros. An empty list
// does not, but a list of macros for which Postfix has no value does.
func TestMacroLists(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	byDefault := map[string]string{
		"SMFIC_CONNECT": "j {daemon_name} {daemon_addr} v _", "SMFIC_HELO": "",
		"SMFIC_MAIL": "{mail_addr} {mail_host} {mail_mailer}", "SMFIC_RCPT": "{rcpt_addr} {rcpt_host} {rcpt_mailer}",
		"SMFIC_DATA": "i", "SMFIC_BODYEOB": "i",
	}
	empty := make(map[string]string)
	for command := range byDefault {
		empty[command] = ""
	}
	connectAlone := map[string]string{"SMFIC_CONNECT": "{client_connections}"}
	for command, list := range byDefault {
		if command != "SMFIC_CONNECT" {
			connectAlone[command] = list
		}
	}
	every := func(names string) (lists []wire.MacroList) {
		for stage := range wire.MacroStage(wire.NumMacroStages) {
			lists = append(lists, wire.MacroList{Stage: stage, Names: names})
		}
		return lists
	}
	tests := map[string]struct {
		lists []wire.MacroList
		want  map[string]string
	}{
		"no lists":         {nil, byDefault},
		"empty lists":      {every(""), byDefault},
		"lists of nothing": {every("{nothing}"), empty},
		"one stage's list": {[]wire.MacroList{{Stage: wire.MacroConnect, Names: "{client_connections} {nothing}"}}, connectAlone},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			filter := startRaw(t, wire.Negotiate{
				Version: 6, Actions: wire.ActionSetSymList, Protocol: allNo, Macros: c.lists,
			}, map[wire.CommandCode]wire.ReplyCode{wire.CmdBodyEOB: wire.RepContinue})
			mta.SetMilters(t, filter.address)
			code, text := dial(t, mta).Deliver(hello("macros@example.test"))
			require.Equal(t, 250, code, text)
			assert.Equal(t, c.want, macros(filter.lines()))
		})
	}
}

// commands returns the commands and replies in a trace, and a repeated one once.
func commands(lines []string) []string {
	var list []string
	for _, l := range lines {
		if words := strings.Fields(l); words[1] != "SMFIC_MACRO" && words[1] != "SMFIC_OPTNEG" {
			list = append(list, strings.TrimPrefix(strings.TrimPrefix(words[1], "SMFIC_"), "SMFIR_"))
		}
	}
	return slices.Compact(list)
}

// TestEndOfMessage shows when Postfix sends an abort: after each message,
// accepted or not, and also at RSET between messages. If HELO ends a message,
// Postfix sends the abort after the HELO.
func TestEndOfMessage(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	filter := startRaw(t, wire.Negotiate{Version: 6, Protocol: wire.ProtoNoConnect | wire.ProtoNoHdrs | wire.ProtoNoEOH |
		wire.ProtoNoBody | wire.ProtoNRHelo | wire.ProtoNRMail | wire.ProtoNRRcpt | wire.ProtoNRData | wire.ProtoNRUnkn},
		map[wire.CommandCode]wire.ReplyCode{wire.CmdBodyEOB: wire.RepContinue})
	mta.SetMilters(t, filter.address)
	c := dial(t, mta)
	for range 2 {
		code, text := c.Deliver(hello("end@example.test"))
		require.Equal(t, 250, code, text)
	}
	say(t, c, "RSET", "MAIL FROM:<ann@example.org>", "EHLO again", "RSET")
	_, _ = c.Cmd("QUIT")

	message := []string{"MAIL", "RCPT", "DATA", "BODYEOB", "CONTINUE", "ABORT"}
	assert.Equal(t, slices.Concat([]string{"HELO"}, message, message,
		[]string{"MAIL", "HELO", "ABORT", "QUIT", "EOF"}), commands(filter.await(t, "END")))
}

// TestEndOfSession shows that after a final verdict before the first message,
// Postfix closes the connection without sending QUIT.
func TestEndOfSession(t *testing.T) {
	t.Parallel()
	mta := realmta.StartPostfix(t, realmta.PostfixConfig{})
	for name, c := range map[string]struct {
		at      wire.CommandCode
		keeps   wire.Protocol
		verdict wire.ReplyCode
		want    []string
	}{
		"accept at connect": {wire.CmdConnect, wire.ProtoNoConnect, wire.RepAccept, []string{"CONNECT", "ACCEPT", "EOF"}},
		"reject at connect": {wire.CmdConnect, wire.ProtoNoConnect, wire.RepReject, []string{"CONNECT", "REJECT", "EOF"}},
		"accept at helo":    {wire.CmdHelo, wire.ProtoNoHelo, wire.RepAccept, []string{"HELO", "ACCEPT", "EOF"}},
		"reject at helo":    {wire.CmdHelo, wire.ProtoNoHelo, wire.RepReject, []string{"HELO", "REJECT", "EOF"}},
	} {
		t.Run(name, func(t *testing.T) {
			filter := startRaw(t, wire.Negotiate{Version: 6, Protocol: allNo &^ c.keeps},
				map[wire.CommandCode]wire.ReplyCode{c.at: c.verdict, wire.CmdBodyEOB: wire.RepContinue})
			mta.SetMilters(t, filter.address)
			client := realmta.DialSMTP(t, mta.Addr())
			_, _ = client.Cmd("EHLO client.example.test")
			_, _ = client.Deliver(hello("session@example.test"))
			_, _ = client.Cmd("QUIT")
			assert.Equal(t, c.want, commands(filter.await(t, "END")))
		})
	}
}
