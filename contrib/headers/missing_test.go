package headers_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// bare returns a message of a session with as few facts as possible: a client
// without an address, no login, no special macros, a null sender, and an empty
// header.
func bare() *mta.Message {
	msg := miltertest.Message("\nbody\n", miltertest.From(""))
	msg.Client.Family, msg.Client.Addr, msg.Client.Port, msg.Client.Host = 'U', "", 0, "unknown"
	msg.Header = []mta.Field{}
	return msg
}

// missingTests are conditions on missing facts, and whether they hold.
func missingTests() map[string]bool {
	return map[string]bool{
		"client: ['0.0.0.0/0', '::/0']":                       false,
		"authenticated: true":                                 false,
		"authenticated: false":                                true,
		"sender: [example.org, .org]":                         false,
		"sender: <>":                                          true,
		"sender: {match: .}":                                  false,
		"sender: {match: ^$}":                                 true,
		"macro: auth_type":                                    false,
		"macro: {name: auth_type, match: .}":                  false,
		"macro: {name: auth_type, match: ^$}":                 true,
		"macro: {name: client_ptr, match: x}":                 false,
		"macro: mine":                                         false,
		"present: From":                                       false,
		"absent: From":                                        true,
		"matches: {name: From, match: ^$}":                    false,
		"present: [From, To]":                                 false,
		"absent: [From, To]":                                  true,
		"present: {name: From, which: -1}":                    false,
		"addresses: {name: From, in: a.b}":                    false,
		"addresses: {name: From, in: a.b, every: true}":       false,
		"addresses: {name: [From, To], unreadable: true}":     false,
		"equal: {of: '{{ .Auth }}', to: ''}":                  true,
		"equal: {of: '{{ .Auth }}', to: '{{ .Sender }}'}":     true,
		"equal: {of: '{{ .Address \"From\" }}x', to: [y, z]}": false,
		"duplicated: rfc5322":                                 false,
		"malformed: rfc5322":                                  false,
		"size: {over: 8}":                                     false,
		"size: {under: 9}":                                    true,
		"part: {name: .}":                                     false,
		"part: {type: text/plain}":                            true,
		"part: {disposition: attachment}":                     false,
		"unreadable_parts: true":                              false,
		"unreadable_parts: false":                             true,
	}
}

// TestMissingFacts tests each condition and its negation, alone and combined,
// in a session with as few facts as possible.
func TestMissingFacts(t *testing.T) {
	t.Parallel()
	mtas := slices.Sorted(maps.Keys(flavors()))
	for when, holds := range missingTests() {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			other := map[bool]string{true: "present: X", false: "absent: X"}[holds] // which has the opposite truth
			for i, form := range []struct {
				text string
				want bool
			}{
				{"{%[1]s}", holds},
				{"{not: {%[1]s}}", !holds},
				{"{not: {not: {%[1]s}}}", holds},
				{"{all: [{%[1]s}, {not: {%[2]s}}]}", holds},
				{"{any: [{%[1]s}, {%[1]s}]}", holds},
				{"{all: [{%[1]s}, {%[2]s}]}", false},
				{"{any: [{%[1]s}, {%[2]s}]}", true},
				{"{not: {any: [{%[1]s}, {%[2]s}]}}", false},
				{"{not: {all: [{%[2]s}, {%[1]s}]}}", true},
				{"{any: [{not: {%[2]s}}, {%[1]s}]}", holds},
				{"{all: [{not: {%[1]s}}, {absent: X}]}", !holds},
			} {
				text := fmt.Sprintf(form.text, when, other)
				filter := parsed(t, "macros: {mine: rcpt}\nrules: [{when: "+text+", do: [reject: it holds]}]")
				flavor := mtas[i%len(mtas)] // each meets several forms
				res := miltertest.Run(t, filter, bare(), flavors()[flavor])
				assert.Equal(t, form.want, res.Reply() == "550 5.7.1 it holds", "%s %s", flavor, text)
				if !form.want {
					res.AssertUnmodified(t)
				}
			}
		})
	}
}

// TestMissingFactsInTemplates checks that each missing fact is the empty
// string.
func TestMissingFactsInTemplates(t *testing.T) {
	t.Parallel()
	const facts = `{{ .Client.Addr }}{{ .Client.Port }}{{ .Auth }}{{ .Sender }}{{ .Macro "auth_type" }}{{ .Macro "mine" }}{{ .Match 0 }}{{ .Match 2 }}{{ .Group "g" }}{{ .Address "From" }}{{ .Domain "From" }}{{ domain .Sender }}{{ local .Sender }}{{ .ShownRecipients }}{{ domains .ShownRecipients }}`
	for flavor, option := range flavors() {
		t.Run(flavor, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, parsed(t, `
macros: {mine: data}
rules:
- when: {any: [{matches: {name: X, match: '(?P<g>.)(.)'}}, {absent: X}]}
  do:
  - add: {name: A, value: '[`+facts+`]'}
  - add: {name: B, value: '{{ if or .Auth .Sender }}some{{ else }}none{{ end }}'}
  - add: {name: C, value: '`+facts+`', skip_empty: true}
  - quarantine: '`+facts+`'
`), bare(), option)
			res.AssertAccepted(t)
			assert.Equal(t, "A: []\nB: none\n", headerOf(res))
			res.AssertQuarantined(t, "rule 1")
		})
	}
}

// TestMappedClients checks that all spellings of the address of an IPv4 client
// are equal.
func TestMappedClients(t *testing.T) {
	t.Parallel()
	clients := map[string]string{"10.1.2.3": "4", "::ffff:10.1.2.3": "6", "IPv6:::ffff:10.1.2.3": "6", "::ffff:a01:203": "6"}
	for network, holds := range map[string]bool{
		"10.0.0.0/8":            true,
		"10.1.2.3":              true,
		"::ffff:10.1.2.3":       true,
		"::ffff:10.0.0.0/104":   true,
		"::ffff:0:0/96":         true,
		"0.0.0.0/0":             true,
		"::ffff:10.1.2.2/127":   true,
		"::ffff:11.0.0.0/104":   false,
		"::/0":                  false,
		"::a01:203":             false,
		"2001:db8::ffff:0:0/96": false,
	} {
		filter := parsed(t, "rules: [{when: {client: '"+network+"'}, do: [add: {name: X, value: '{{ .Client.Addr }}'}]}]")
		for addr, family := range clients {
			msg := miltertest.Message(plain)
			msg.Client.Family, msg.Client.Addr = wire.Family(family[0]), addr
			want := ""
			if holds {
				want = "10.1.2.3"
			}
			assert.Equal(t, want, miltertest.Run(t, filter, msg).Header("X"), "%s in %s", addr, network)
		}
	}
}
