package mta_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// packets returns a letter for each command of a message. "*" follows the
// letter if macros preceded the command, and "o" if the packet of macros was
// empty.
func packets(t *testing.T, cfg mta.Config, f *filter) string {
	t.Helper()
	m := letter()
	m.Recipients, m.Header = m.Recipients[:1], m.Header[:1]
	_, err := f.dial(t, cfg).Send(context.Background(), m)
	require.NoError(t, err)
	var out []string
	mark := ""
	for _, line := range f.commands() {
		if rest, ok := strings.CutPrefix(line, "SMFIC_MACRO for SMFIC_"); ok {
			mark = "o"
			if strings.Contains(rest, "=") {
				mark = "*"
			}
			if !f.sends(rest) {
				out = append(out, letters([]string{"SMFIC_" + rest})+mark)
				mark = ""
			}
			continue
		}
		if code := letters([]string{line}); !strings.Contains("OA", code) {
			out = append(out, code+mark)
			mark = ""
		}
	}
	return strings.Join(out, " ")
}

// sends reports whether the MTA sends the command to which the macros belong.
func (f *filter) sends(rest string) bool {
	return f.protocol != nothing || strings.HasPrefix(rest, "BODYEOB")
}

const nothing = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoBody |
	wire.ProtoNoHdrs | wire.ProtoNoEOH | wire.ProtoNoUnknown | wire.ProtoNoData

func lists(names string, stages ...wire.MacroStage) (lists []wire.MacroList) {
	for _, s := range stages {
		lists = append(lists, wire.MacroList{Stage: s, Names: names})
	}
	return lists
}

// The expected values were observed with the real MTAs: see TestProveMacroLists
// in framework/miltertest/realmta.
func TestMacroLists(t *testing.T) {
	t.Parallel()
	all := []wire.MacroStage{
		wire.MacroConnect, wire.MacroHelo, wire.MacroEnvFrom, wire.MacroEnvRcpt, wire.MacroData, wire.MacroEOM, wire.MacroEOH,
	}
	for _, tt := range []struct {
		name              string
		protocol          wire.Protocol
		lists             []wire.MacroList
		postfix, sendmail string
	}{
		{"no lists", 0, nil, "C* Ho M* R* T* L* N* B* E*", "C* Ho M* R* T L N B E*"},
		{"empty lists", 0, lists("", all...), "C* Ho M* R* T* L* N* B* E*", "C H M R T L N B E"},
		{"lists of a space", 0, lists(" ", all...), "Co Ho Mo Ro To Lo No Bo Eo", "C H M R T L N B E"},
		{"lists of a name without a value", 0, lists("{no_such}", all...), "Co Ho Mo Ro To Lo No Bo Eo", "Co Ho Mo Ro To L No B Eo"},
		{"one list", 0, lists("{no_such}", wire.MacroEnvFrom), "C* Ho Mo R* T* L* N* B* E*", "C* Ho Mo R* T L N B E*"},
		{"a space for EOH", 0, lists(" ", wire.MacroEOH), "C* Ho M* R* T* Lo No B* E*", "C* Ho M* R* T L N B E"},
		{"a space for EOM", 0, lists(" ", wire.MacroEOM), "C* Ho M* R* T* L* N* Bo Eo", "C* Ho M* R* T L N B E*"},
		{"no commands", nothing, nil, "C* Ho M* R* T* E*", "C* Ho M* R* E*"},
		{"no commands, lists of a space", nothing, lists(" ", all...), "Co Ho Mo Ro To Eo", "E"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for flavor, want := range map[mta.Flavor]string{mta.Postfix: tt.postfix, mta.Sendmail: tt.sendmail} {
				f := &filter{actions: wire.ActionSetSymList, protocol: tt.protocol, macros: tt.lists}
				assert.Equal(t, want, packets(t, mta.Config{Flavor: flavor}, f), flavor)
			}
		})
	}
}

// MTAs have values for macros that they do not send by default.
func TestMacrosOnRequest(t *testing.T) {
	t.Parallel()
	names := "v {client_addr} {client_name} {client_port} {client_connections} {no_such}"
	const client = ` {client_addr}="192.0.2.1" {client_name}="client.example.org" {client_port}="54321"`
	for flavor, want := range map[mta.Flavor]string{
		mta.Postfix:  `SMFIC_MACRO for SMFIC_CONNECT v="Postfix 3.7.11"` + client + ` {client_connections}="1"`,
		mta.Sendmail: `SMFIC_MACRO for SMFIC_CONNECT v="8.17.1.9"` + client,
		mta.Plain:    `SMFIC_MACRO for SMFIC_CONNECT` + client,
	} {
		f := &filter{actions: wire.ActionSetSymList, macros: lists(names, wire.MacroConnect)}
		assert.Equal(t, []string{want}, macrosOf(t, mta.Config{Flavor: flavor}, f, letter(), "SMFIC_CONNECT"), flavor)
	}
}
