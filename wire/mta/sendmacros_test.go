package mta_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// macrosOf returns the macros that precede a command in the traffic of a
// message.
func macrosOf(t *testing.T, cfg mta.Config, f *filter, m *mta.Message, command string) []string {
	t.Helper()
	_, err := f.dial(t, cfg).Send(context.Background(), m)
	require.NoError(t, err)
	return slices.DeleteFunc(f.commands(), func(line string) bool {
		return !strings.HasPrefix(line, "SMFIC_MACRO for "+command)
	})
}

// A message's own macros do not change the default macros of the MTA.
func TestExtraMacrosJoinTheDefaults(t *testing.T) {
	t.Parallel()
	m := letter()
	m.ExtraMacros = map[wire.MacroStage][]mta.Macro{
		wire.MacroConnect: {{Name: "{daemon_name}", Value: "submission"}, {Name: "{tls_version}", Value: "TLSv1.3"}},
		wire.MacroData:    {{Name: "{mine}", Value: "yes"}},
	}
	tests := []struct {
		flavor        mta.Flavor
		connect, data string
	}{
		{
			mta.Postfix,
			`j="mx.example.org" {daemon_addr}="192.0.2.25" v="Postfix 3.7.11" _="client.example.org [192.0.2.1]" {daemon_name}="submission" {tls_version}="TLSv1.3"`,
			`i="4ZsluiceZ1" {mine}="yes"`,
		},
		{
			mta.Sendmail,
			`j="mx.example.org" _="client.example.org [192.0.2.1]" {if_name}="mx.example.org" {daemon_name}="submission" {tls_version}="TLSv1.3"`,
			`{mine}="yes"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.flavor.String(), func(t *testing.T) {
			t.Parallel()
			cfg := mta.Config{Flavor: tt.flavor}
			assert.Equal(t, []string{"SMFIC_MACRO for SMFIC_CONNECT " + tt.connect}, macrosOf(t, cfg, &filter{}, m, "SMFIC_CONNECT"))
			assert.Equal(t, []string{"SMFIC_MACRO for SMFIC_DATA " + tt.data}, macrosOf(t, cfg, &filter{}, m, "SMFIC_DATA"))
		})
	}
}

func TestExtraMacrosJoinTheMessagesOwn(t *testing.T) {
	t.Parallel()
	m := letter()
	m.Macros = map[wire.MacroStage][]mta.Macro{wire.MacroEnvFrom: {{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}}
	m.ExtraMacros = map[wire.MacroStage][]mta.Macro{wire.MacroEnvFrom: {{Name: "a", Value: "3"}}}
	got := macrosOf(t, mta.Config{}, &filter{}, m, "SMFIC_MAIL")
	assert.Equal(t, []string{`SMFIC_MACRO for SMFIC_MAIL b="2" a="3"`}, got)
	assert.Len(t, m.Macros[wire.MacroEnvFrom], 2, "the message stays as it is")
	assert.Equal(t, "1", m.Macros[wire.MacroEnvFrom][0].Value)

	m.Macros = map[wire.MacroStage][]mta.Macro{}
	assert.Equal(t, []string{`SMFIC_MACRO for SMFIC_MAIL a="3"`}, macrosOf(t, mta.Config{}, &filter{}, m, "SMFIC_MAIL"))
}

func TestQueueID(t *testing.T) {
	t.Parallel()
	m := letter()
	m.QueueID = "4ABC"
	for flavor, command := range map[mta.Flavor]string{mta.Postfix: "SMFIC_BODYEOB", mta.Sendmail: "SMFIC_MAIL"} {
		got := macrosOf(t, mta.Config{Flavor: flavor}, &filter{}, m, command)
		require.Len(t, got, 1, flavor)
		assert.Contains(t, got[0], ` i="4ABC"`, flavor)
	}
}
