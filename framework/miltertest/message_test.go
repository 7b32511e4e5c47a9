package miltertest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

func TestMessageOfText(t *testing.T) {
	t.Parallel()
	m := miltertest.Message("Subject: hi\nTo: a,\n b\n\none\ntwo\n")
	assert.Equal(t, []mta.Field{{Name: "Subject", Value: " hi"}, {Name: "To", Value: " a,\n b"}}, m.Header)
	assert.Equal(t, "one\r\ntwo\r\n", string(m.Body))
	assert.Equal(t, "<sender@example.org>", m.Sender.Addr)
	assert.Equal(t, []mta.Recipient{{Addr: "<recipient@example.net>"}}, m.Recipients)
	assert.Equal(t, mta.Client{
		Host: "client.example.org", Family: wire.FamilyInet, Addr: "192.0.2.1", Port: 54321,
	}, m.Client)
	assert.Equal(t, "client.example.org", m.Helo)
	assert.Empty(t, m.Macros, "the MTA that is played knows its own")
}

func TestMessageOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		opt  miltertest.MessageOption
		get  func(m *mta.Message) any
		want any
	}{
		{
			"From", miltertest.From("a@example.org", "SIZE=10"),
			func(m *mta.Message) any { return m.Sender },
			mta.Address{Addr: "<a@example.org>", Args: []string{"SIZE=10"}},
		},
		{"From, a bounce", miltertest.From(""), func(m *mta.Message) any { return m.Sender.Addr }, "<>"},
		{"From, as spelled", miltertest.From("<A@b>"), func(m *mta.Message) any { return m.Sender.Addr }, "<A@b>"},
		{
			"To", miltertest.To("a@x.org", "<b@x.org>"), func(m *mta.Message) any { return m.Recipients },
			[]mta.Recipient{{Addr: "<a@x.org>"}, {Addr: "<b@x.org>"}},
		},
		{"To nobody", miltertest.To(), func(m *mta.Message) any { return len(m.Recipients) }, 1},
		{
			"ToRefused", miltertest.ToRefused("a@x.org", "550 5.1.1 who?"),
			func(m *mta.Message) any { return m.Recipients },
			[]mta.Recipient{{Addr: "<a@x.org>", Refusal: "550 5.1.1 who?"}},
		},
		{
			"Client", miltertest.Client("192.0.2.9"), func(m *mta.Message) any { return m.Client },
			mta.Client{Host: "client.example.org", Family: wire.FamilyInet, Addr: "192.0.2.9", Port: 54321},
		},
		{
			"Client, IPv6", miltertest.Client("2001:db8::9"), func(m *mta.Message) any { return m.Client },
			mta.Client{Host: "client.example.org", Family: wire.FamilyInet6, Addr: "2001:db8::9", Port: 54321},
		},
		{"ClientName", miltertest.ClientName("mx.org"), func(m *mta.Message) any { return m.Client.Host }, "mx.org"},
		{"Helo", miltertest.Helo("me"), func(m *mta.Message) any { return m.Helo }, "me"},
		{"QueueID", miltertest.QueueID("4ABC"), func(m *mta.Message) any { return m.QueueID }, "4ABC"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, tc.get(miltertest.Message(plain, tc.opt)))
		})
	}
}

func TestMessageMacros(t *testing.T) {
	t.Parallel()
	m := miltertest.Message(plain, miltertest.Auth("ann"),
		miltertest.Macro(framework.StageMail, "auth_type", "LOGIN"), miltertest.Macro(framework.StageConnect, "j", "mx"))
	assert.Equal(t, map[wire.MacroStage][]mta.Macro{
		wire.MacroConnect: {{Name: "j", Value: "mx"}},
		wire.MacroEnvFrom: {{Name: "{auth_authen}", Value: "ann"}, {Name: "{auth_type}", Value: "LOGIN"}},
	}, m.ExtraMacros)
}

// Each macro must reach a filter that requests it at its stage, with or without
// braces.
func TestMessageMacroReachesTheFilter(t *testing.T) {
	t.Parallel()
	stages := []framework.Stage{
		framework.StageConnect, framework.StageHelo, framework.StageMail, framework.StageRcpt,
		framework.StageData, framework.StageEndOfHeaders, framework.StageEndOfMessage,
	}
	for _, stage := range stages {
		for _, name := range []string{"a_macro", "{a_macro}", "a"} {
			t.Run(stage.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				var got string
				filter := miltertest.FilterFunc("reader", func(r *framework.Router) error {
					macro := r.WantMacro(stage, name)
					r.OnEndOfMessage(func(s *session, _ *endOfMessage) (framework.Verdict, error) {
						got, _ = macro.Value(s)
						return framework.Continue, nil
					})
					return nil
				})
				miltertest.Run(t, filter, miltertest.Message(plain, miltertest.Macro(stage, name, "value")))
				assert.Equal(t, "value", got)
			})
		}
	}
}

func TestMessageMistakesPanic(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { miltertest.Client("client.example.org") })
	assert.Panics(t, func() { miltertest.Macro(framework.StageHeader, "i", "x") })
}
