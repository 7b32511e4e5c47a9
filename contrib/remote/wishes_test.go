package remote_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// noMacros requests no macros at the end of the message, whose default ones it would get.
var noMacros = []wire.MacroList{{Stage: wire.MacroEOM, Names: " "}}

// chooses returns the answer of a milter that requests the macros that it needs.
func chooses(actions wire.Actions, protocol wire.Protocol, macros ...wire.MacroList) wire.Negotiate {
	return wire.Negotiate{Actions: actions | wire.ActionSetSymList, Protocol: protocol, Macros: append(macros, noMacros...)}
}

// What the lane asks of the MTA is what the milter asks, and no more.
func TestPlan(t *testing.T) {
	t.Parallel()
	const none = wire.ProtoNoConnect | wire.ProtoNoHelo | wire.ProtoNoMail | wire.ProtoNoRcpt | wire.ProtoNoData |
		wire.ProtoNoHdrs | wire.ProtoNoEOH | wire.ProtoNoBody | wire.ProtoNoUnknown
	for _, tc := range []struct {
		name     string
		answers  []wire.Negotiate
		actions  wire.Actions
		protocol wire.Protocol
		macros   string
	}{
		{"nothing", []wire.Negotiate{chooses(0, none)}, 0, none, ""},
		{
			"it requests no macros, and gets those of every stage",
			[]wire.Negotiate{{Protocol: none}},
			0,
			wire.ProtoNRConn | wire.ProtoNRHelo | wire.ProtoNRMail | wire.ProtoNRRcpt | wire.ProtoNRData | wire.ProtoNREOH |
				wire.ProtoNoHdrs | wire.ProtoNoBody | wire.ProtoNoUnknown,
			"SMFIM_CONNECT=_ j t v {daemon_addr} {daemon_name} {if_addr} {if_name}, " +
				"SMFIM_HELO={cert_issuer} {cert_subject} {cipher_bits} {cipher} {tls_version}, " +
				"SMFIM_ENVFROM=i {auth_authen} {auth_author} {auth_ssf} {auth_type} {mail_addr} {mail_host} {mail_mailer}, " +
				"SMFIM_ENVRCPT=i {rcpt_addr} {rcpt_host} {rcpt_mailer}, SMFIM_DATA=i, SMFIM_EOM=i {msg_id}, SMFIM_EOH=i",
		},
		{
			"macros that no MTA has at the stage",
			[]wire.Negotiate{chooses(wire.ActionChgFrom, none,
				wire.MacroList{Stage: wire.MacroEnvFrom, Names: "{auth_authen}, i"}, wire.MacroList{Stage: wire.MacroConnect, Names: "{auth_authen} i"})},
			wire.ActionChgFrom, none&^wire.ProtoNoMail | wire.ProtoNRMail, "SMFIM_ENVFROM=i {auth_authen}",
		},
		{
			"stages that it answers, and one that it does not",
			[]wire.Negotiate{chooses(0, none&^(wire.ProtoNoRcpt|wire.ProtoNoBody)|wire.ProtoNRBody)},
			0, none&^(wire.ProtoNoRcpt|wire.ProtoNoBody) | wire.ProtoNRBody,
			"SMFIM_CONNECT=t v, SMFIM_ENVRCPT=i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
		},
		{
			"a pool: one answers, the others do not",
			[]wire.Negotiate{chooses(0, none), chooses(0, none&^wire.ProtoNoData|wire.ProtoNRData), chooses(0, none&^wire.ProtoNoData)},
			0, none &^ wire.ProtoNoData, "SMFIM_CONNECT=t v, SMFIM_DATA=i",
		},
		{
			"it sees no header, and adds fields",
			[]wire.Negotiate{chooses(wire.ActionAddHdrs, none)},
			wire.ActionAddHdrs, none, "SMFIM_CONNECT=t v",
		},
		{
			"version 2 has no DATA",
			[]wire.Negotiate{{Version: 2, Protocol: none &^ (wire.ProtoNoData | wire.ProtoNoUnknown), Macros: noMacros, Actions: wire.ActionSetSymList}},
			0, none, "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var addrs []string
			for _, answer := range tc.answers {
				addrs = append(addrs, (&puppet{answer: answer}).start(t))
			}
			r := framework.NewRouter()
			r.Mount(lane(t, remote.Config{}, addrs...))
			plan, err := r.Plan()
			require.NoError(t, err)
			assert.Zero(t, plan.Actions, "the milter decides what it can do without")
			assert.Equal(t, tc.actions, plan.Optional&^wire.ActionSetSymList)
			assert.Equal(t, tc.protocol, plan.Protocol)
			var macros []string
			for _, list := range plan.Macros {
				macros = append(macros, fmt.Sprintf("%v=%s", list.Stage, list.Names))
			}
			assert.Equal(t, tc.macros, strings.Join(macros, ", "))
		})
	}
}

// Everything is enough for any milter.
func TestEverything(t *testing.T) {
	t.Parallel()
	everything := remote.Everything()
	f := lane(t, remote.Config{Wishes: &everything}, serve(t, editor()))
	for _, msg := range orders() {
		assert.Equal(t, result(t, []framework.Filter{editor()}, miltertest.Postfix(), msg),
			result(t, []framework.Filter{f}, miltertest.Postfix(), msg))
	}
}

// A milter of an old version gets the commands of that version.
func TestVersions(t *testing.T) {
	t.Parallel()
	for version := uint32(wire.MinVersion); version <= wire.MaxVersion; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			p := &puppet{answer: wire.Negotiate{Version: version}}
			f := lane(t, remote.Config{Version: version, MaxIdle: 1}, p.start(t))
			conn := miltertest.NewServer(t, f).Dial(t)
			require.NotNil(t, conn.Run(t, letter()).Edited)
			_, err := conn.Unknown(t.Context(), "XYZZY")
			require.NoError(t, err)
			require.NoError(t, conn.Quit(t.Context()))
			require.Eventually(t, func() bool {
				got := strings.Join(names(p), " ")
				return strings.HasPrefix(got, "SMFIC_CONNECT") && strings.Contains(got, "SMFIC_QUIT")
			}, patience, tick)
			got := strings.Join(names(p), " ")
			assert.Equal(t, version >= 4, strings.Contains(got, "SMFIC_DATA"), got)
			assert.Equal(t, version >= 3, strings.Contains(got, "SMFIC_UNKNOWN"), got)
			assert.Equal(t, version >= 6, strings.Contains(got, "SMFIC_QUIT_NC"), got)
		})
	}
}

// The milter gets its macros where an MTA sends them, those of declined stages included.
func TestMacros(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 100)
	f := lane(t, remote.Config{
		Macros: map[framework.Stage][]string{framework.StageConnect: {"client_port"}, framework.StageEndOfMessage: {"{msg_id}"}},
	}, serve(t, miltertest.FilterFunc("reader", func(r *framework.Router) error {
		j, login := r.WantMacro(framework.StageConnect, "j"), r.WantMacro(framework.StageMail, "{auth_authen}")
		addr, i := r.WantMacro(framework.StageRcpt, "rcpt_addr"), r.WantMacro(framework.StageEndOfMessage, "i")
		r.OnRcpt(func(s *framework.Session, _ *framework.Rcpt) (framework.Verdict, error) {
			a, _ := j.Value(s)
			b, _ := login.Value(s)
			c, _ := addr.Value(s)
			seen <- strings.Join([]string{a, b, c}, " ")
			return framework.Continue, nil
		})
		r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
			v, _ := i.Value(s)
			seen <- v
			return framework.Continue, nil
		})
		return nil
	})))
	msg := letter()
	msg.Recipients = append(msg.Recipients, mta.Recipient{Addr: "<carol@example.net>"})
	msg.ExtraMacros = map[wire.MacroStage][]mta.Macro{wire.MacroEnvFrom: {{Name: "{auth_authen}", Value: "ann"}}}
	res := miltertest.Run(t, f, msg)
	require.NotNil(t, res.Edited, res.Logs)
	assert.Contains(t, fmt.Sprint(res.Negotiated.Macros), "{client_port}")
	for _, want := range []string{"mx.example.org ann bob@example.net", "mx.example.org ann carol@example.net", "4ZsluiceZ1"} {
		assert.Equal(t, want, <-seen)
	}
}
