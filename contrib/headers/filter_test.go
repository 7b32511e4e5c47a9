package headers_test

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
)

// TestMacros checks that each macro is requested once, at the first stage at
// which the MTA sends it.
func TestMacros(t *testing.T) {
	t.Parallel()
	for stage, names := range map[wire.MacroStage]string{
		wire.MacroConnect: "_ client_addr daemon_name if_addr j v",
		wire.MacroHelo:    "cert_subject cipher tls_version verify",
		wire.MacroEnvFrom: "auth_authen auth_type mail_addr mail_mailer my",
		wire.MacroEnvRcpt: "rcpt_addr rcpt_mailer",
		wire.MacroEOM:     "i msg_id",
	} {
		for name := range strings.FieldsSeq(names) {
			cfg := headers.Config{Macros: map[string]string{"{my}": "mail"}, Rules: []headers.Rule{{
				When: headers.Any{headers.Macro{Name: name}, headers.Macro{Name: "{" + name + "}", Match: "x"}},
				Do:   []headers.Action{headers.Reject{}},
			}}}
			filter, err := headers.New(cfg)
			require.NoError(t, err, name)
			r := framework.NewRouter()
			r.Mount(filter)
			plan, err := r.Plan()
			require.NoError(t, err, name)
			assert.Condition(t, func() bool {
				for _, l := range plan.Macros {
					if l.Stage == stage && strings.Count(l.Names, name) == 1 {
						return true
					}
				}
				return false
			}, "%s: %v", name, plan.Macros)
		}
	}
}

// TestStageOfOnesOwn checks that the configuration can set the stage of a
// macro, even of a macro that the package knows.
func TestStageOfOnesOwn(t *testing.T) {
	t.Parallel()
	filter := parsed(t, "macros: {j: end of message}\nrules: [{do: [{add: {name: X, value: '{{ .Macro \"j\" }}'}}]}]")
	r := framework.NewRouter()
	r.Mount(filter)
	plan, err := r.Plan()
	require.NoError(t, err)
	assert.Contains(t, fmt.Sprint(plan.Macros), "SMFIM_EOM j")
	assert.Equal(t, "mine", miltertest.Run(t, filter, miltertest.Message(plain, miltertest.Macro(framework.StageEndOfMessage, "j", "mine"))).Header("X"))
}

// TestCauses checks that the cause of a mistake can be found by its type.
func TestCauses(t *testing.T) {
	t.Parallel()
	_, err := headers.Parse("x", []byte("rules: [{do: [{delete: {name: X, match: '('}}]}]"))
	var cause *syntax.Error
	require.ErrorAs(t, err, &cause)
	assert.Equal(t, syntax.ErrMissingParen, cause.Code)
}

// TestLanes checks that the filter changes nothing in a dry run and can be
// mounted on two routers.
func TestLanes(t *testing.T) {
	t.Parallel()
	filter := parsed(t, "name: mine\nrules: [{do: [{add: {name: X, value: y}}, {delete: A}]}]")
	assert.Equal(t, "mine", filter.Name())
	msg := miltertest.Message("A: 1\n\nbody\n")
	res := miltertest.Run(t, filter, msg, miltertest.Lane(framework.DryRun()))
	res.AssertUnmodified(t)
	_, logged := res.Logs.Find("dry run: modification")
	assert.True(t, logged)
	assert.Equal(t, "X: y\n", headerOf(miltertest.Run(t, filter, msg)))
}

// TestSessionsTogether checks that concurrent sessions of a filter each have
// their own facts and header.
func TestSessionsTogether(t *testing.T) {
	t.Parallel()
	srv := miltertest.NewServer(t, parsed(t, `
rules:
- when: {matches: {name: Subject, match: '(\d+)'}}
  do:
  - add: {name: X, value: '{{ .Match 1 }} {{ .Helo }} {{ .Sender }}'}
  - rename: {name: A, to: B, which: last}
`))
	var wg sync.WaitGroup
	for n := range 8 {
		conn := srv.Dial(t)
		helo := fmt.Sprintf("helo%d", n)
		wg.Go(func() {
			for i := range 20 {
				text := fmt.Sprintf("A: 1\nA: %d\nSubject: m%d\n\nbody\n", i, i)
				sender := fmt.Sprintf("s%d@example.org", i)
				outcome, err := conn.Send(t.Context(), miltertest.Message(text, miltertest.Helo(helo), miltertest.From(sender)))
				if assert.NoError(t, err) {
					res := miltertest.Result{Outcome: *outcome}
					assert.Equal(t, fmt.Sprintf("A: 1\nB: %d\nSubject: m%d\nX: %d %s %s\n", i, i, i, helo, sender), headerOf(&res))
				}
			}
		})
	}
	wg.Wait()
}

// TestOneConnection checks that a rule that held for one message has no effect
// on the next.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	conn := miltertest.NewServer(t, parsed(t, `
rules:
- when: {any: [{matches: {name: S, match: '(.+)'}}, {absent: S}]}
  do: [{add: {name: X, value: '[{{ .Match 1 }}{{ .Auth }}]'}}, {add: {name: Y, value: '{{ .Size }} {{ .Recipients }}'}}]
- when: {recipient: example.com}
  do: [{add: {name: Z, value: z}}]
`)).Dial(t)
	first := conn.Run(t, miltertest.Message("S: secret\n\nlong body\n", miltertest.Auth("ann"), miltertest.To("x@example.com")))
	assert.Equal(t, "S: secret\nX: [secretann]\nY: 40 x@example.com\nZ: z\n", headerOf(first))
	second := conn.Run(t, miltertest.Message("A: 1\n\nb\n", miltertest.To("y@example.net")))
	assert.Equal(t, "A: 1\nX: []\nY: 18 y@example.net\n", headerOf(second))
}
