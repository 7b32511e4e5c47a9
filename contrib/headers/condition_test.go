package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

const plain = "From: ann@example.org\n\nbody\n"

func options(opts ...miltertest.MessageOption) []miltertest.MessageOption { return opts }

func TestConditions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		when         string
		holds, fails []miltertest.MessageOption
	}{
		"client in a network":    {"client: 10.0.0.0/8", options(miltertest.Client("10.1.2.3")), options(miltertest.Client("11.1.2.3"))},
		"client in one of them":  {"client: [10.0.0.0/8, '2001:db8::/32']", options(miltertest.Client("2001:db8::7")), options(miltertest.Client("2001:db9::7"))},
		"client is an address":   {"client: ['192.0.2.7', '::1']", options(miltertest.Client("::1")), options(miltertest.Client("::2"))},
		"authenticated":          {"authenticated: true", options(miltertest.Auth("ann")), nil},
		"not authenticated":      {"authenticated: false", nil, options(miltertest.Auth("ann"))},
		"sender is an address":   {"sender: Ann@Example.org", options(miltertest.From("ann@example.ORG")), options(miltertest.From("bob@example.org"))},
		"sender of a domain":     {"sender: '@example.org'", options(miltertest.From(`"x@y"@example.org`)), options(miltertest.From("ann@sub.example.org"))},
		"sender below a domain":  {"sender: [.example.org]", options(miltertest.From("a@b.c.example.org")), options(miltertest.From("a@example.org"))},
		"sender of a bounce":     {"sender: <>", options(miltertest.From("")), options(miltertest.From("a@example.org"))},
		"sender matches":         {"sender: {match: '^a+@'}", options(miltertest.From("aa@example.org")), options(miltertest.From("ba@example.org"))},
		"sender in UTF-8":        {"sender: ÄNN@bücher.example", options(miltertest.From("änn@BÜCHER.example", "SMTPUTF8")), options(miltertest.From("ann@bücher.example", "SMTPUTF8"))},
		"recipient":              {"recipient: example.net", options(miltertest.To("a@example.com", "b@example.net")), options(miltertest.To("a@example.com"))},
		"recipient matches":      {"recipient: {in: nobody@example.net, match: '^B@'}", options(miltertest.To("a@example.com", "B@example.com")), options(miltertest.To("b@example.com"))},
		"helo":                   {"helo: '(?i)^mail\\.'", options(miltertest.Helo("MAIL.example")), options(miltertest.Helo("example"))},
		"macro":                  {"macro: '{daemon_name}'", nil, options(miltertest.Macro(framework.StageConnect, "daemon_name", ""))},
		"macro matches":          {"macro: {name: daemon_name, match: ^submission$}", options(miltertest.Macro(framework.StageConnect, "daemon_name", "submission")), nil},
		"macro of its own stage": {"macro: {name: my, match: x}", options(miltertest.Macro(framework.StageRcpt, "my", "x")), nil},
		"all": {
			"{all: [{client: 10.0.0.0/8}, {authenticated: true}]}",
			options(miltertest.Client("10.1.2.3"), miltertest.Auth("ann")), options(miltertest.Client("10.1.2.3")),
		},
		"several in one": {
			"{client: 10.0.0.0/8, authenticated: true}",
			options(miltertest.Client("10.1.2.3"), miltertest.Auth("ann")), options(miltertest.Auth("ann")),
		},
		"any": {"{any: [{client: 10.0.0.0/8}, {authenticated: true}]}", options(miltertest.Auth("ann")), nil},
		"not": {"{not: {any: [{client: 10.0.0.0/8}, {authenticated: true}]}}", nil, options(miltertest.Auth("ann"))},
	}
	for name, c := range tests {
		for flavor, mta := range flavors() {
			t.Run(name+"/"+flavor, func(t *testing.T) {
				t.Parallel()
				when := c.when
				if when[0] != '{' {
					when = "{" + when + "}"
				}
				filter := parsed(t, "macros: {my: rcpt}\nrules: [{when: "+when+", do: [{reject: it holds}]}]")
				miltertest.Run(t, filter, miltertest.Message(plain, c.holds...), mta).AssertRejected(t)
				miltertest.Run(t, filter, miltertest.Message(plain, c.fails...), mta).AssertUnmodified(t)
			})
		}
	}
}

// contentTests are conditions on the message itself, with headers for which
// they hold and headers for which they do not.
func contentTests() map[string]contentTest {
	return map[string]contentTest{
		"present":                   {"present: X", "x: \n", "Y: 1\n"},
		"absent":                    {"absent: X", "Y: 1\n", "x: \n"},
		"matches":                   {"matches: {name: X, match: ^a b$}", "X: 1\nX: a\n b\n", "X: a\nX: b\n"},
		"matches decoded":           {"matches: {name: Subject, match: grüße, decoded: true}", "Subject: =?iso-8859-1?q?gr=FC=DFe?=\n", "Subject: gruesse\n"},
		"matches undecoded":         {"matches: {name: Subject, match: grüße}", "Subject: grüße\n", "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n"},
		"unknown charset":           {"matches: {name: Subject, match: '^hello$', decoded: true}", "Subject: =?x-mine?q?hello?=\n", "Subject: =?x-mine?q?hallo?=\n"},
		"duplicated":                {"duplicated: rfc5322", "From: a@b.c\nX: 1\nfrom: d@e.f\n", "From: a@b.c\nX: 1\nX: 2\n"},
		"duplicated name":           {"duplicated: [Y, X]", "X: 1\nX: 1\n", "From: a@b.c\nFrom: a@b.c\nX: 1\n"},
		"exactly one From: none":    {"any: [{absent: From}, {duplicated: From}]", "To: a@b.c\n", "From: a@b.c\n"},
		"exactly one From: two":     {"any: [{absent: From}, {duplicated: From}]", "From: a@b.c\nFrom: a@b.c\n", "From: a@b.c\n"},
		"malformed From":            {"malformed: rfc5322", "From: nobody\n", "From: \"x, y\" <a@b.c>, d@e.f\n"},
		"empty From":                {"malformed: From", "From: \n", "To: \n"},
		"From in encoded words":     {"malformed: From", "From: =?x?q?y?= a@b.c\n", "From: =?x-mine?q?y?= <a@b.c>\n"},
		"From in UTF-8":             {"malformed: From", "From: änn@\n", "From: Änn <änn@bücher.example>\n"},
		"malformed Sender":          {"malformed: rfc5322", "Sender: a@b.c, d@e.f\n", "Sender: a@b.c\n"},
		"malformed To":              {"malformed: rfc5322", "To: a@b@c\n", "To: undisclosed-recipients:;\n"},
		"empty Bcc":                 {"malformed: rfc5322", "Cc: \n", "Bcc: \n"},
		"malformed Date":            {"malformed: rfc5322", "Date: yesterday\n", "Date: Mon, 2 Jan 2006 15:04:05 -0700 (MST)\n"},
		"malformed Message-ID":      {"malformed: rfc5322", "Message-ID: a@b\n", "Message-ID:\n\t<a@b>\n"},
		"malformed References":      {"malformed: rfc5322", "References: <a@b> <c>\n", "References: <a@b>\n <c@d> (x)\n"},
		"a group in From":           {"malformed: From", "From: Group: a@b.c;\n", "To: Group: a@b.c;\n"},
		"commas in References":      {"malformed: References", "References: <a@b>, <c@d>\n", "References: <a@b><c@d>\n"},
		"obsolete dates":            {"malformed: Date", "Date: 29 Apr 2012 24:00:00 Z\n", "Date: Thu,29 Apr 12 23:59:60 (a) Z\n"},
		"comments":                  {"malformed: [From, Message-ID]", "From: (a@b.c)\n", "From: (a) b(c)@d(e)\nMessage-ID: <a(b)@c> (d)\n"},
		"an IPv6 literal":           {"malformed: From", "From: a@[IPv6:2001:db8::1\n", "From: a@[IPv6:2001:db8::1]\n"},
		"a route":                   {"malformed: From", "From: <@a.b c@d.e>\n", "From: <@a.b,@c.d:e@f.g>\n"},
		"empty elements":            {"malformed: To", "To: , ,\n", "To: a@b.c, , d@e.f,\n"},
		"a folded example of A.5":   {"malformed: rfc5322", "Date: Thu,\n 13 Feb 1969\n", "Date: Thu,\n      13\n        Feb\n          1969\n      23:32\n               -0330 (Newfoundland Time)\n"},
		"Resent fields":             {"malformed: [Resent-From, Resent-Date]", "Resent-Date: x\n", "Resent-From: a@b.c\nResent-Date: 1 Jan 2012 10:00 GMT\n"},
		"malformed elsewhere":       {"malformed: X", "X: a\rb\n", "X: a\n b\n"},
		"malformed, of those named": {"malformed: [X, Date]", "Date: x\n", "From: x\n"},
	}
}

type contentTest struct{ when, holds, fails string }

// test checks the condition behind each MTA.
func (c contentTest) test(t *testing.T, name string) {
	t.Helper()
	for flavor, mta := range flavors() {
		t.Run(name+"/"+flavor, func(t *testing.T) {
			t.Parallel()
			filter := parsed(t, "rules: [{when: {"+c.when+"}, do: [{reject: it holds}]}]")
			miltertest.Run(t, filter, miltertest.Message(c.holds+"\nbody\n"), mta).AssertRejected(t)
			miltertest.Run(t, filter, miltertest.Message(c.fails+"\nbody\n"), mta).AssertUnmodified(t)
		})
	}
}

func TestContentConditions(t *testing.T) {
	t.Parallel()
	for name, c := range contentTests() {
		c.test(t, name)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	const head = "A: 1\r\n 2\r\nB: 3\r\n\r\n"
	for name, c := range map[string]struct {
		when  string
		size  int
		holds bool
	}{
		"over":             {"over: 200000", 200001, true},
		"not over":         {"over: 200000", 200000, false},
		"under":            {"under: 300", 299, true},
		"not under":        {"under: 300", 300, false},
		"between":          {"over: 100, under: 102", 101, true},
		"nothing but head": {"under: 20", len(head), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filter := parsed(t, "rules: [{when: {size: {"+c.when+"}}, do: [{add: {name: X, value: '{{ .Size }}'}}]}]")
			msg := miltertest.Message(head + strings.Repeat("x", max(c.size-len(head)-2, 0)))
			if c.size > len(head) {
				msg.Body = append(msg.Body[:c.size-len(head)-2], "\r\n"...)
			}
			assert.Equal(t, c.holds, miltertest.Run(t, filter, msg).Header("X") != "", len(msg.Body))
		})
	}
}

// TestNoAddress checks that a client on a unix socket is in no network.
func TestNoAddress(t *testing.T) {
	t.Parallel()
	filter := parsed(t, "rules: [{when: {client: ['0.0.0.0/0', '::/0']}, do: [{reject: it holds}]}, {do: [{add: {name: X, value: '[{{ .Client.Addr }}{{ .Client.Port }}]'}}]}]")
	msg := miltertest.Message(plain)
	msg.Client.Family, msg.Client.Addr, msg.Client.Port = 'L', "/run/x", 0
	assert.Equal(t, "[]", miltertest.Run(t, filter, msg).Header("X"))
}
