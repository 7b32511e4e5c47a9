//go:build integration

package realmta_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
	"github.com/sluicemail/sluice/wire"
)

// TestProveMacroLists shows which macro packets the servers send for which
// lists. In the expectations each command's letter is followed by "*" for a
// packet with macros, by "o" for an empty packet, or by nothing if there was no
// packet.
func TestProveMacroLists(t *testing.T) {
	t.Parallel()
	all := []wire.MacroStage{
		wire.MacroConnect, wire.MacroHelo, wire.MacroEnvFrom, wire.MacroEnvRcpt, wire.MacroData, wire.MacroEOM, wire.MacroEOH,
	}
	tests := []struct {
		name     string
		protocol wire.Protocol
		lists    []wire.MacroList
		postfix  string
		sendmail string
	}{
		{name: "no lists", postfix: "C* Ho M* R* T* L* N* B* E*", sendmail: "C* Ho M* R* T L N B E*"},
		{"empty lists", 0, macroLists("", all...), "C* Ho M* R* T* L* N* B* E*", "C H M R T L N B E"},
		{"lists of a space", 0, macroLists(" ", all...), "Co Ho Mo Ro To Lo No Bo Eo", "C H M R T L N B E"},
		{"lists of a name without a value", 0, macroLists("{no_such}", all...), "Co Ho Mo Ro To Lo No Bo Eo", "Co Ho Mo Ro To L No B Eo"},
		{"one list", 0, macroLists("{no_such}", wire.MacroEnvFrom), "C* Ho Mo R* T* L* N* B* E*", "C* Ho Mo R* T L N B E*"},
		{"a space for EOH", 0, macroLists(" ", wire.MacroEOH), "C* Ho M* R* T* Lo No B* E*", "C* Ho M* R* T L N B E"},
		{"a space for EOM", 0, macroLists(" ", wire.MacroEOM), "C* Ho M* R* T* L* N* Bo Eo", "C* Ho M* R* T L N B E*"},
		{"no commands", nothing, nil, "C* Ho M* R* T* E*", "C* Ho M* R* E*"},
		{"no commands, lists of a space", nothing, macroLists(" ", all...), "Co Ho Mo Ro To Eo", "E"},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				m := milter{actions: wire.ActionSetSymList, protocol: tt.protocol, macros: tt.lists}
				want := map[string]string{"postfix": tt.postfix, "sendmail": tt.sendmail}[name]
				assert.Equal(t, want, packets(oneMessage(t, mta, m)), tt.name)
			}
		})
	}
}

// nothing makes the MTA omit every command except the end of the message.
const nothing = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoBody |
	wire.ProtoNoHdrs | wire.ProtoNoEOH | wire.ProtoNoUnknown | wire.ProtoNoData

// TestProveEndOfMessageList shows that Sendmail uses the macro list for the end
// of the message only if there is a list for the end of the header.
func TestProveEndOfMessageList(t *testing.T) {
	t.Parallel()
	const given, usual = "{client_addr}", "the server's own"
	eom, eoh := macroLists(given, wire.MacroEOM), macroLists(given, wire.MacroEOH)
	tests := []struct {
		name     string
		lists    []wire.MacroList
		postfix  [2]string // at the end of the header, at the end of the message
		sendmail [2]string
	}{
		{"EOM alone", eom, [2]string{usual, given}, [2]string{"", usual}},
		{"EOH alone", eoh, [2]string{given, usual}, [2]string{given, ""}},
		{"both", slices.Concat(eom, eoh), [2]string{given, given}, [2]string{given, given}},
		{"EOM and an empty EOH", slices.Concat(eom, macroLists("", wire.MacroEOH)), [2]string{usual, given}, [2]string{"", given}},
		{"EOM and a space for EOH", slices.Concat(eom, macroLists(" ", wire.MacroEOH)), [2]string{"", given}, [2]string{"", given}},
	}
	for name, start := range realmta.Each(realmta.Config{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mta := start(t)
			for _, tt := range tests {
				lines := oneMessage(t, mta, milter{actions: wire.ActionSetSymList, macros: tt.lists})
				want := map[string][2]string{"postfix": tt.postfix, "sendmail": tt.sendmail}[name]
				assert.Equal(t, want, [2]string{which(lines, "EOH", given, usual), which(lines, "BODYEOB", given, usual)}, tt.name)
			}
		})
	}
}

// which tells whether the MTA sent, for a command, the requested macros.
func which(lines []string, command, given, usual string) string {
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "MTA SMFIC_MACRO for SMFIC_"+command+" ") })
	switch {
	case at < 0:
		return ""
	case strings.HasSuffix(lines[at], given+`="127.0.0.1"`) && strings.Count(lines[at], "=") == 1:
		return given
	default:
		return usual
	}
}

func macroLists(names string, stages ...wire.MacroStage) (lists []wire.MacroList) {
	for _, s := range stages {
		lists = append(lists, wire.MacroList{Stage: s, Names: names})
	}
	return lists
}

// oneMessage sends a message and returns the traffic between the MTA and the
// milter.
func oneMessage(t *testing.T, mta realmta.MTA, m milter) []string {
	t.Helper()
	tr := m.start(t, mta)
	c := dial(t, mta.Addr())
	code, text := c.Deliver(withEnvelope(realmta.Message{Data: []byte(simple)}, "one"))
	require.Equal(t, 250, code, text)
	_, _ = c.Cmd("QUIT")
	return tr.lines(t)
}

// packets describes, for each command, the macro packet that preceded it.
func packets(lines []string) string {
	letters := [][2]string{
		{"CONNECT", "C"},
		{"HELO", "H"},
		{"MAIL", "M"},
		{"RCPT", "R"},
		{"DATA", "T"},
		{"HEADER", "L"},
		{"EOH", "N"},
		{"BODY", "B"},
		{"BODYEOB", "E"},
	}
	var words []string
	for _, l := range letters {
		word := ""
		for _, line := range lines {
			switch macros, ok := strings.CutPrefix(line+" ", "MTA SMFIC_MACRO for SMFIC_"+l[0]+" "); {
			case ok && strings.TrimSpace(macros) == "":
				word = l[1] + "o"
			case ok:
				word = l[1] + "*"
			case word == "" && strings.HasPrefix(line+" ", "MTA SMFIC_"+l[0]+" "):
				word = l[1]
			}
		}
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}
