package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// spellings are From fields, and whether an address of example.test is in them.
func spellings() map[string]bool {
	return map[string]bool{
		"Boss <boss@example.test>":                             true,
		"boss@EXAMPLE.test":                                    true,
		`"a" <boss@example.test>, x@client.example`:            true,
		`x@client.example, "a" <boss@example.test>`:            true,
		"Boss <boss@example.test (hi) >":                       true,
		"boss(c)@(d)example.test(e)":                           true,
		"boss@\n example.test":                                 true,
		"Us: x@client.example, boss@example.test;":             true,
		"<@relay.example:boss@example.test>":                   true,
		`"the boss"@example.test`:                              true,
		"boss@example.test.":                                   true,
		"boss@ex\u00adample.test":                              true, // with a soft hyphen, which IDNA drops
		"boss@example\u3002test":                               true, // with another full stop
		"<boss@example.test":                                   true,
		"(boss@example.test":                                   true,
		"boss@example.test; x@client.example":                  true,
		"The Boss, boss@example.test":                          true,
		"Boss <x@client.example> <boss@example.test>":          true,
		"mailto:boss@example.test":                             true,
		"=?utf-8?q?boss=40example.test?=":                      true, // without another address
		"=?utf-8?q?boss=40example.test?= <>":                   true,
		`boss@"example.test"`:                                  true,
		"boss@=?utf-8?q?example.test?=":                        true,
		"Boss <=?utf-8?q?boss?=@=?utf-8?b?ZXhhbXBsZS50ZXN0?=>": true,
		"<=?utf-8?q?boss=40example.test?=>":                    true,
		`"boss@example.test"`:                                  true,
		`"boss@example.test" <>`:                               true,
		`"boss@example.test" <eve@client.example>`:             false,
		"boss@example.test <eve@client.example>":               false,
		"=?utf-8?q?boss=40example.test?= <e@client.org>":       false,
		"eve@client.example (boss@example.test)":               false,
		"boss@example.test.client.example":                     false,
		"boss@notexample.test":                                 false,
		"boss@sub.example.test":                                false,
		"example.test@client.example":                          false,
		"boss":                                                 false,
		"":                                                     false,
		"Automatic mail:;":                                     false,
	}
}

const spoofed = "rules: [{when: {authenticated: false, addresses: {name: From, in: example.test}}, do: [{reject: log in}]}]"

func TestSpellingsOfAddresses(t *testing.T) {
	t.Parallel()
	filter := parsed(t, spoofed)
	for from, ours := range spellings() {
		for flavor, option := range flavors() {
			res := miltertest.Run(t, filter, miltertest.Message("From: "+from+"\n\nbody\n"), option)
			assert.Equal(t, ours, !res.Delivered(), "%s: %q", flavor, from)
		}
	}
}

// addressTests are conditions on the addresses of fields.
func addressTests() map[string]contentTest {
	return map[string]contentTest{
		"one address":          {"addresses: {name: To, in: ann@example.org}", "To: bob@x.y\nTo: x, Ann <ANN@example.ORG>\n", "To: anna@example.org\n"},
		"subdomains":           {"addresses: {name: To, in: .example.org}", "To: a@b.c.example.org\n", "To: a@example.org\n"},
		"several names":        {"addresses: {name: [From, Sender], in: a.b}", "Sender: x@a.b\n", "To: x@a.b\n"},
		"a family":             {"addresses: {name: Resent-*, in: a.b}", "Resent-Cc: x@a.b\n", "Cc: x@a.b\n"},
		"another field":        {"addresses: {name: X-Original-To, in: a.b}", "X-Original-To: x@a.b\n", "To: x@a.b\n"},
		"IDNA in the list":     {"addresses: {name: From, in: BÜCHER.example}", "From: a@xn--bcher-kva.example\n", "From: a@bucher.example\n"},
		"IDNA in the field":    {"addresses: {name: From, in: xn--bcher-kva.example}", "From: a@bücher.example\n", "From: a@xn--bcher-kva\n"},
		"IDNA below":           {"addresses: {name: From, in: .bücher.example}", "From: a@x.BÜCHER.example\n", "From: a@bücher.example\n"},
		"quotes":               {`addresses: {name: From, in: ann@example.org}`, "From: \"ann\"@example.org\n", "From: \"an n\"@example.org\n"},
		"a literal":            {"addresses: {name: From, in: '[192.0.2.1]'}", "From: a@[192.0.2.1]\n", "From: a@192.0.2.1\n"},
		"a pattern":            {`addresses: {name: From, match: '^A\+.*@example\.org$'}`, "From: x@y.z, <A+1@EXAMPLE.org>\n", "From: a+1@example.org\n"},
		"a list and a pattern": {"addresses: {name: From, in: a.b, match: ^x@}", "From: x@y.z\n", "From: z@y.z\n"},
		"every":                {"addresses: {name: [To, Cc], in: a.b, every: true}", "To: x@a.b\nCc: y@a.b, z@A.B\n", "To: x@a.b\nCc: y@a.b, z@c.d\n"},
		"every, in a group":    {"addresses: {name: To, in: a.b, every: true}", "To: g: x@a.b;, none:;\n", "To: none:;\n"},
		"every of none":        {"addresses: {name: To, in: a.b, every: true}", "To: x@a.b\n", "Cc: x@a.b\n"},
		"every, unreadable":    {"addresses: {name: To, in: a.b, every: true}", "To: x@a.b\n", "To: x@a.b\nTo: words only here\n"},
		"every, or unreadable": {"addresses: {name: To, in: a.b, every: true, unreadable: true}", "To: x@a.b\nTo: words only here\n", "To: words\nTo: x@c.d\n"},
		"unreadable alone":     {"addresses: {name: From, unreadable: true}", "From: two words\n", "From: x@y.z\n"},
		"unreadable: empty":    {"addresses: {name: From, in: a.b, unreadable: true}", "From: <>\n", "To: x@a.b\n"},
		"unreadable: no @":     {"addresses: {name: From, unreadable: true}", "From: root\n", "From: Automatic mail:;\n"},
	}
}

func TestAddressConditions(t *testing.T) {
	t.Parallel()
	for name, c := range addressTests() {
		c.test(t, name)
	}
}

// TestAddressesOfTheEnvelope checks that the lists of the envelope compare as those of
// fields do.
func TestAddressesOfTheEnvelope(t *testing.T) {
	t.Parallel()
	for entry, addresses := range map[string][]string{
		"bücher.example":            {"a@xn--bcher-kva.example", "a@XN--BCHER-KVA.example", "a@BÜCHER.example"},
		".xn--bcher-kva.example":    {"a@x.bücher.example"},
		"a@bücher.example":          {`"a"@xn--bcher-kva.example`, "A@xn--bcher-kva.example."},
		"ann@example.org":           {`"ann"@example.org`, `"a\nn"@example.org`, "Ann@Example.org"},
		"'\"\\\"\"@example.org'":    {`"\""@example.org`},
		"'a@[IPv6:2001:DB8::1]'":    {"a@[ipv6:2001:db8::1]"},
		"postmaster@xn--a-.example": {"Postmaster@xn--a-.example"},
	} {
		for _, addr := range addresses {
			filter := parsed(t, "rules: [{when: {sender: ["+entry+"]}, do: [{reject: it holds}]}, {when: {recipient: "+entry+"}, do: [{reject: it holds}]}]")
			miltertest.Run(t, filter, miltertest.Message(plain, miltertest.From(addr, "SMTPUTF8"))).AssertRejected(t)
			miltertest.Run(t, filter, miltertest.Message(plain, miltertest.To("x@y.z", addr))).AssertRejected(t)
			miltertest.Run(t, filter, miltertest.Message(plain, miltertest.From("other@bucher.example.org"))).AssertAccepted(t)
		}
	}
}

// patternsOfAddresses are patterns, with an address that matches in each spelling.
func patternsOfAddresses() map[string][]string {
	return map[string][]string{
		`^ann@example\.org$`:           {"ann@example.org", `"ann"@example.org`, `"a\nn"@EXAMPLE.org`, "ann@example.org."},
		`^ann@xn--mller-kva\.example$`: {"ann@müller.example", "ann@MÜLLER.example", `"ann"@XN--MLLER-KVA.example`},
		`^"an n"@example\.org$`:        {`"an n"@example.org`, `"an\ n"@example.ORG`},
	}
}

// TestPatternsOfAddresses checks that quotes and spellings of a domain evade no pattern.
func TestPatternsOfAddresses(t *testing.T) {
	t.Parallel()
	for pattern, addresses := range patternsOfAddresses() {
		for _, addr := range addresses {
			for _, cond := range []string{"sender: {match: '", "recipient: {match: '", "addresses: {name: From, match: '"} {
				filter := parsed(t, "rules: [{when: {"+cond+pattern+"'}}, do: [{reject: it holds}]}]")
				msg := "From: " + addr + "\n\nbody\n"
				res := miltertest.Run(t, filter, miltertest.Message(msg, miltertest.From(addr, "SMTPUTF8"), miltertest.To("x@y.z", addr)))
				assert.True(t, res.AssertRejected(t), "%s %s %s", cond, pattern, addr)
				msg = strings.Replace(msg, addr, "eve@example.org", 1)
				miltertest.Run(t, filter, miltertest.Message(msg, miltertest.From("eve@example.org"), miltertest.To("x@y.z"))).AssertAccepted(t)
			}
		}
	}
}

func TestAddressMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"addresses: {name: From}":                                   "x.yaml:2:21: rule 1: Addresses: want In, Match or Unreadable",
		"addresses: {in: a.b}":                                      "rule 1: Addresses: Name: want the name of a field",
		"addresses: {name: [], in: a.b}":                            "the list is empty",
		"addresses: {name: From, in: [a.b, <>]}":                    "x.yaml:2:44: rule 1: Addresses: In/2: a field cannot contain the null address; for fields without an address, write unreadable: true",
		"addresses: {name: From, in: '*@a.b'}":                      "wildcards are not supported",
		"addresses: {name: [To, Date], in: a.b}":                    "x.yaml:2:33: rule 1: Addresses: Name/2: the field Date does not have addresses; to match its text, write matches",
		"addresses: {name: subject, in: a.b}":                       "the field subject does not have addresses",
		"addresses: {name: From, unreadable: true, every: true}":    "Addresses: Every: every has no meaning without In or Match",
		"addresses: {name: From, match: '('}":                       "Addresses: Match: ",
		"addresses: {name: From, match: '{{ .Auth }}'}":             "a pattern is not a template",
		"addresses: From":                                           "want a mapping with every, in, match, name, unreadable",
		"addresses: {name: From, in: a.b}, absent: From":            "From cannot be both present and absent",
		"absent: [Cc, From], addresses: {name: From, in: a.b}":      "From cannot be both present and absent",
		"all: [{addresses: {name: From, in: a.b}}, {absent: From}]": "From cannot be both present and absent",
	} {
		_, err := headers.Parse("x.yaml", []byte(whenever(text)))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
	}
}
