package headers_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// actionTests are messages and their headers after one rule.
// TestActionsBehindMTAs runs them behind real MTAs too.
func actionTests() map[string]actionTest {
	return map[string]actionTest{
		"add":                         {"add: {name: X, value: y}", "A: 1\nB: 2\n", "A: 1\nB: 2\nX: y\n"},
		"add of a name that is there": {"add: {name: A, value: y}", "A: 1\nB: 2\n", "A: 1\nB: 2\nA: y\n"},
		"add nothing":                 {`add: {name: X, value: ""}`, "A: 1\n", "A: 1\nX: \n"},
		"add nothing, skipped":        {`add: {name: X, value: "{{ .Auth }}", skip_empty: true}`, "A: 1\n", "A: 1\n"},
		"add raw UTF-8":               {"add: {name: X, value: grüße}", "A: 1\n", "A: 1\nX: grüße\n"},
		"add encoded":                 {"add: {name: X, value: grüße, encode: true}", "A: 1\n", "A: 1\nX: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n"},
		"add long": {
			"add: {name: X, value: " + strings.Repeat("word ", 20) + "}", "A: 1\n",
			"A: 1\nX: " + strings.Repeat("word ", 14) + "word\n" + strings.Repeat(" word", 5) + "\n",
		},
		"insert":                         {"insert: {name: X, value: y}", "A: 1\nB: 2\n", "X: y\nA: 1\nB: 2\n"},
		"insert of a name that is there": {"insert: {name: B, value: y}", "A: 1\nB: 2\n", "B: y\nA: 1\nB: 2\n"},
		"replace every":                  {"replace: {name: a, value: x}", "A: 1\nB: 2\nA: 3\n", "A: x\nB: 2\nA: x\n"},
		"replace first":                  {"replace: {name: A, value: x, which: first}", "A: 1\nB: 2\nA: 3\n", "A: x\nB: 2\nA: 3\n"},
		"replace last":                   {"replace: {name: A, value: x, which: last}", "A: 1\nB: 2\nA: 3\n", "A: 1\nB: 2\nA: x\n"},
		"replace second":                 {"replace: {name: A, value: x, which: 2}", "A: 1\nA: 2\nA: 3\n", "A: 1\nA: x\nA: 3\n"},
		"replace second of matching":     {"replace: {name: A, value: x, which: 2, match: '[13]'}", "A: 1\nA: 2\nA: 3\n", "A: 1\nA: 2\nA: x\n"},
		"replace last but one":           {"replace: {name: A, value: x, which: -2}", "A: 1\nA: 2\nA: 3\n", "A: 1\nA: x\nA: 3\n"},
		"replace past the last":          {"replace: {name: A, value: x, which: 4}", "A: 1\nA: 2\nA: 3\n", "A: 1\nA: 2\nA: 3\n"},
		"replace by groups": {
			"replace: {name: A, match: '(\\w+)=(?P<v>\\w+)', value: '{{ .Group \"v\" }}={{ .Match 1 }}'}",
			"A: k=v\nA: none\nA: a=b\n", "A: v=k\nA: none\nA: b=a\n",
		},
		"replace using the value":       {"replace: {name: A, value: '<{{ .Value }}>'}", "A: 1\n 2\n", "A: <1 2>\n"},
		"replace by nothing":            {"replace: {name: A, value: '{{ .Auth }}'}", "A: 1\nB: 2\n", "A: 1\nB: 2\n"},
		"replace one that is not there": {"replace: {name: X, value: y}", "A: 1\n", "A: 1\n"},
		"replace or add":                {"replace: {name: X, value: y, or_add: true}", "A: 1\n", "A: 1\nX: y\n"},
		"replace rather than add":       {"replace: {name: A, value: y, or_add: true}", "A: 1\n", "A: y\n"},
		"rename":                        {"rename: {name: A, to: X}", "A: 1\nB: 2\nA: 3\n", "X: 1\nB: 2\nX: 3\n"},
		"rename last":                   {"rename: {name: A, to: X, which: last}", "A: 1\nB: 2\nA: 3\nC: 4\n", "A: 1\nB: 2\nX: 3\nC: 4\n"},
		"rename folded":                 {"rename: {name: A, to: X}", "Z: 0\nA: 1\n\t2\nB: 2\n", "Z: 0\nX: 1\n\t2\nB: 2\n"},
		"rename case":                   {"rename: {name: A, to: a}", "A: 1\nB: 2\n", "a: 1\nB: 2\n"},
		"delete all":                    {"delete: A", "A: 1\nB: 2\nA: 3\n", "B: 2\n"},
		"delete a family":               {"delete: x-spam-*", "X-Spam-Flag: NO\nA: 1\nX-SPAM-Score: -9\nX-Spam: 2\n", "A: 1\nX-Spam: 2\n"},
		"delete a family, then add":     {"{delete: X-Spam-*}\n  - {add: {name: X-Spam-Flag, value: YES}}", "X-Spam-Flag: NO\nA: 1\nx-spam-status: No\n", "A: 1\nX-Spam-Flag: YES\n"},
		"rename a family":               {"rename: {name: X-Spam-*, to: X-Old-Spam-*}", "A: 1\nX-Spam-Flag: NO\nx-spam-Other: 1\n 2\n", "A: 1\nX-Old-Spam-Flag: NO\nX-Old-Spam-Other: 1\n 2\n"},
		"replace a family":              {"replace: {name: X-Spam-*, value: 'x {{ .Value }}'}", "A: 1\nX-Spam-A: 2\nX-Spam-B: 3\n", "A: 1\nX-Spam-A: x 2\nX-Spam-B: x 3\n"},
		"limit a family":                {"limit: {name: X-Spam-*, max: 1}", "X-Spam-A: 2\nA: 1\nX-Spam-B: 3\n", "X-Spam-A: 2\nA: 1\n"},
		"strip a family":                {"strip: {names: [A, X-Spam-*]}", "X-Spam-A: 2\nA: 1\nB: 3\n", "B: 3\n"},
		"delete first":                  {"delete: {name: A, which: first}", "A: 1\nB: 2\nA: 3\n", "B: 2\nA: 3\n"},
		"delete last":                   {"delete: {name: A, which: last}", "A: 1\nB: 2\nA: 3\n", "A: 1\nB: 2\n"},
		"delete second":                 {"delete: {name: A, which: 2}", "A: 1\nA: 2\nA: 3\n", "A: 1\nA: 3\n"},
		"delete matching":               {"delete: {name: A, match: '^[13]$'}", "A: 1\nA: 2\nA: 3\n", "A: 2\n"},
		"prefix":                        {"prefix: {name: Subject, text: '[ext] '}", "Subject: hello\n", "Subject: [ext] hello\n"},
		"prefix that is there":          {"prefix: {name: Subject, text: '[ext] '}", "Subject: Re: [ext] hello\n", "Subject: Re: [ext] hello\n"},
		"prefix of an encoded word": {
			"prefix: {name: Subject, text: '[ext]'}", "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n", "Subject: [ext] =?utf-8?q?gr=C3=BC=C3=9Fe?=\n",
		},
		"encoded prefix": {
			"prefix: {name: Subject, text: '[größe] '}", "Subject: hello\n", "Subject: =?utf-8?q?[gr=C3=B6=C3=9Fe]?= hello\n",
		},
		"encoded prefix of an encoded word": {
			"prefix: {name: Subject, text: '[ö] '}", "Subject: =?utf-8?q?=C3=BC?=\n", "Subject: =?utf-8?q?[=C3=B6]_?= =?utf-8?q?=C3=BC?=\n",
		},
		"encoded prefix that is there": {
			"prefix: {name: Subject, text: '[ö] '}", "Subject: =?utf-8?q?[=C3=B6]_=C3=BC?=\n", "Subject: =?utf-8?q?[=C3=B6]_=C3=BC?=\n",
		},
		"prefix that makes it long": {
			"prefix: {name: Subject, text: '[ext] '}", "Subject: " + strings.Repeat("word ", 12) + "\n word\n",
			"Subject: [ext] " + strings.Repeat("word ", 12) + "\n word\n",
		},
		"suffix": {"suffix: {name: Subject, text: ' (ext)'}", "Subject: hello\n", "Subject: hello (ext)\n"},
		"suffix of an encoded word": {
			"suffix: {name: Subject, text: '(ö)'}", "Subject: =?utf-8?q?=C3=BC?=\n", "Subject: =?utf-8?q?=C3=BC?= =?utf-8?q?(=C3=B6)?=\n",
		},
		"unfold": {"unfold: A", "A: 1\n\t2\n  3\nB: 2\n 3\n", "A: 1\t2  3\nB: 2\n 3\n"},
		"fold": {
			"fold: A", "A: " + strings.Repeat("word ", 16) + "\n",
			"A: " + strings.TrimSpace(strings.Repeat("word ", 15)) + "\n word\n",
		},
		"fold what is short":          {"fold: A", "A: 1\n 2\n", "A: 1\n 2\n"},
		"reply_to":                    {"reply_to: list@example.org", "A: 1\n", "A: 1\nReply-To: list@example.org\n"},
		"reply_to over others":        {"reply_to: list@example.org", "Reply-To: a@b.c\nA: 1\nReply-To: d@e.f\n", "Reply-To: list@example.org\nA: 1\n"},
		"reply_to kept":               {"reply_to: {value: list@example.org, keep: true}", "Reply-To: a@b.c\nA: 1\n", "Reply-To: a@b.c\nA: 1\n"},
		"reply_to that is no address": {"reply_to: '{{ .Auth }}'", "Reply-To: a@b.c\nA: 1\n", "Reply-To: a@b.c\nA: 1\n"},
		"strip": {
			"strip: {}", "Received: from x by y; now\nUser-Agent: z\nX-Originating-IP: 10.0.0.1\nX-Mailer: m\nA: 1\n", "Received: from x by y; now\nA: 1\n",
		},
		"strip Received": {
			"strip: {names: X-My, received: 'by webmail\\.example'}",
			"Received: from a by mx.example; now\nReceived: from b\n\tby webmail.example; now\nX-My: 1\nX-Mailer: m\n",
			"Received: from a by mx.example; now\nX-Mailer: m\n",
		},
		"limit":                              {"limit: {name: A, max: 2}", "A: 1\nA: 2\nB: 0\nA: 3\nA: 4\n", "A: 1\nA: 2\nB: 0\n"},
		"limit bottom":                       {"limit: {name: A, max: 2, bottom: true}", "A: 1\nA: 2\nB: 0\nA: 3\nA: 4\n", "B: 0\nA: 3\nA: 4\n"},
		"add twice":                          {"{add: {name: X, value: '1'}}\n  - {add: {name: X, value: '2'}}", "A: 1\n", "A: 1\nX: 1\nX: 2\n"},
		"insert twice":                       {"{insert: {name: X, value: '1'}}\n  - {insert: {name: X, value: '2'}}", "A: 1\n", "X: 2\nX: 1\nA: 1\n"},
		"add and take back":                  {"{add: {name: X, value: '1'}}\n  - {delete: X}", "A: 1\n", "A: 1\n"},
		"add, then change":                   {"{add: {name: X, value: '1'}}\n  - {replace: {name: X, value: '2'}}", "A: 1\n", "A: 1\nX: 2\n"},
		"insert, then rename":                {"{insert: {name: X, value: '1'}}\n  - {rename: {name: X, to: A, which: first}}", "A: 2\n", "A: 1\nA: 2\n"},
		"rename and back":                    {"{rename: {name: A, to: X}}\n  - {rename: {name: X, to: A}}", "A: 1\nB: 2\n", "A: 1\nB: 2\n"},
		"change and back":                    {"{replace: {name: A, value: '2'}}\n  - {replace: {name: A, value: '1'}}", "A: 1\nB: 2\n", "A: 1\nB: 2\n"},
		"swap two names":                     {"{rename: {name: A, to: X}}\n  - {rename: {name: B, to: A}}\n  - {rename: {name: X, to: B}}", "A: 1\nB: 2\nA: 3\n", "B: 1\nA: 2\nB: 3\n"},
		"rename and change":                  {"{rename: {name: A, to: X}}\n  - {replace: {name: X, value: '2'}}", "Z: 0\nA: 1\nB: 2\n", "Z: 0\nX: 2\nB: 2\n"},
		"rename, then delete":                {"{rename: {name: A, to: B}}\n  - {delete: {name: B, which: first}}", "A: 1\nB: 2\n", "B: 2\n"},
		"rename nothing":                     {"rename: {name: A, to: X}", "Z: 0\nA: \nB: 2\n", "Z: 0\nX: \nB: 2\n"},
		"delete all there is":                {"{delete: A}\n  - {add: {name: X, value: '1'}}", "A: 1\nA: 2\n", "X: 1\n"},
		"delete of another case":             {"delete: x-a", "X-A: 1\nX-a: 2\nB: 2\n", "B: 2\n"},
		"delete decoded":                     {"delete: {name: A, match: ü, decoded: true}", "A: =?utf-8?q?=C3=BC?=\nA: ü\nA: u\n", "A: u\n"},
		"delete last of matching":            {"delete: {name: A, match: x, which: last}", "A: x\nA: x2\nA: y\n", "A: x\nA: y\n"},
		"replace encoded":                    {"replace: {name: A, value: ü, encode: true}", "A: 1\n", "A: =?utf-8?q?=C3=BC?=\n"},
		"replace, case kept":                 {"replace: {name: x-a, value: y}", "X-A: 1\nB: 2\n", "X-A: y\nB: 2\n"},
		"prefix of nothing":                  {"prefix: {name: Subject, text: '[ext] '}", "A: 1\nSubject: \n", "A: 1\nSubject: [ext]\n"},
		"suffix of nothing":                  {"suffix: {name: Subject, text: ' (ü)'}", "A: 1\nSubject: \n", "A: 1\nSubject: =?utf-8?q?(=C3=BC)?=\n"},
		"prefix without a field":             {"prefix: {name: Subject, text: '[ext] '}", "A: 1\n", "A: 1\n"},
		"prefix that comes out empty":        {"prefix: {name: Subject, text: '{{ .Auth }} '}", "Subject: hello\n", "Subject: hello\n"},
		"prefix of raw UTF-8":                {"prefix: {name: Subject, text: '[ext] '}", "Subject: grüße\n", "Subject: [ext] grüße\n"},
		"prefix of two":                      {"prefix: {name: A, text: 'x-'}", "A: 1\nB: 2\nA: 3\n", "A: x-1\nB: 2\nA: x-3\n"},
		"prefix by pattern":                  {"prefix: {name: A, text: '{{ .Match 1 }}/', match: '=(.)'}", "A: k=v\nA: 3\n", "A: v/k=v\nA: 3\n"},
		"suffix of an encoded word in ASCII": {"suffix: {name: A, text: '!'}", "A: a =?utf-8?q?=C3=BC?=\n", "A: a =?utf-8?q?=C3=BC?= !\n"},
		"encoded suffix of plain text":       {"suffix: {name: A, text: ' ü'}", "A: a\n", "A: a =?utf-8?q?=C3=BC?=\n"},
		"long encoded prefix": {
			"prefix: {name: A, text: '" + strings.Repeat("ü", 20) + "'}", "A: a\n",
			"A: =?utf-8?q?" + strings.Repeat("=C3=BC", 10) + "?=\n =?utf-8?q?" + strings.Repeat("=C3=BC", 10) + "?= a\n",
		},
		"unfold what is not folded": {"unfold: A", "A: 1  2\n", "A: 1  2\n"},
		"unfold one of two":         {"unfold: {name: A, which: last}", "A: 1\n 2\nA: 3\n 4\n", "A: 1\n 2\nA: 3 4\n"},
		"fold anew": {
			"fold: A", "A: 1\n " + strings.Repeat("word ", 16) + "\n",
			"A: 1 " + strings.TrimSpace(strings.Repeat("word ", 14)) + "\n word word\n",
		},
		"fold what has no space":     {"fold: A", "A: " + strings.Repeat("x", 900) + "\n", "A: " + strings.Repeat("x", 900) + "\n"},
		"reply_to over a folded one": {"reply_to: '{{ .Value }}, list@example.org'", "Reply-To: a@b.c,\n d@e.f\nA: 1\n", "Reply-To: a@b.c, d@e.f, list@example.org\nA: 1\n"},
		"limit of few":               {"limit: {name: A, max: 2}", "A: 1\nA: 2\n", "A: 1\nA: 2\n"},
	}
}

type actionTest struct{ do, header, want string }

func (c actionTest) yaml() string { return "rules:\n- do:\n  - " + c.do + "\n" }

// test performs the action behind each MTA.
func (c actionTest) test(t *testing.T, name string) {
	t.Helper()
	for flavor, mta := range flavors() {
		t.Run(name+"/"+flavor, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, parsed(t, c.yaml()), miltertest.Message(c.header+"\nbody\n"), mta)
			res.AssertAccepted(t)
			if c.want == c.header {
				res.AssertUnmodified(t)
			}
			assert.Equal(t, c.want, headerOf(res))
		})
	}
}

// flavors are the MTAs that are played.
func flavors() map[string]miltertest.Option {
	return map[string]miltertest.Option{
		"postfix":   miltertest.MTA(mta.Config{}),
		"sendmail":  miltertest.MTA(mta.Config{Flavor: mta.Sendmail}),
		"version 2": miltertest.MTA(mta.Config{Offer: mta.PostfixOffer(2)}),
	}
}

// headerOf returns the header of the delivered message with lines that end in
// LF.
func headerOf(res *miltertest.Result) string {
	var b strings.Builder
	for _, f := range res.Edited.Header {
		_, _ = b.WriteString(f.Name + ":" + f.Value + "\n")
	}
	return b.String()
}

func TestActions(t *testing.T) {
	t.Parallel()
	for name, c := range actionTests() {
		c.test(t, name)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ do, reply string }{
		"default":    {"reject: no such mail", "550 5.7.1 no such mail"},
		"temporary":  {"reject: {code: 451}", "451 4.7.1 message refused"},
		"own":        {"reject: {code: 554, status: 5.6.0, text: '100% wrong'}", "554 5.6.0 100% wrong"},
		"with facts": {`reject: 'no mail from {{ .Sender }} by {{ .Helo }}, says {{ .Rule }}'`, "550 5.7.1 no mail from sender@example.org by me%0 > 550 OK , says rule 1"},
		"by nothing": {`reject: {code: 450, text: '{{ .Auth }}'}`, "450 4.7.1 message refused"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "rules:\n- do: [{add: {name: X, value: y}}, {" + c.do + "}]\n- do: [{quarantine: never}]\n"
			res := miltertest.Run(t, parsed(t, text), miltertest.Message("A: 1\n\nbody\n", miltertest.Helo("me%0\u202e>\r\n550 OK\u200b")))
			assert.Equal(t, c.reply, res.Reply())
			assert.Empty(t, res.Modifications)
		})
	}
	res := miltertest.Run(t, parsed(t, "rules:\n- {name: hold, do: [{quarantine: 'from {{ .Client.Addr }}'}]}\n- {name: other, do: [{add: {name: X, value: '{{ .Rule }}'}}]}\n"),
		miltertest.Message("A: 1\n\nbody\n"))
	res.AssertQuarantined(t, "from 192.0.2.1")
	assert.Equal(t, "other", res.Header("X"))
	res = miltertest.Run(t, parsed(t, "rules:\n- {name: hold, do: [{quarantine: '{{ .Auth }}'}]}\n"), miltertest.Message("A: 1\n\nbody\n"))
	res.AssertQuarantined(t, "hold")
}

// TestLongReplies checks that what clients write makes no reply that a mail server cannot take.
func TestLongReplies(t *testing.T) {
	t.Parallel()
	for _, helo := range []string{strings.Repeat("x", 5000), strings.Repeat("ü ", 2000), strings.Repeat("\x80", 3000), strings.Repeat("%", 3000)} {
		for flavor, option := range flavors() {
			res := miltertest.Run(t, parsed(t, "rules: [{do: [{reject: 'you are {{ .Helo }}'}]}]"), miltertest.Message("A: 1\n\nbody\n", miltertest.Helo(helo)), option)
			assert.True(t, strings.HasPrefix(res.Reply(), "550 5.7.1 you are "), flavor)
			assert.LessOrEqual(t, len(res.Reply()), 510, flavor)
		}
	}
}

// TestEmptyReplacement checks that a template without a result loses no field, and that the log
// has one line about it, however many fields there are.
func TestEmptyReplacement(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"{{ .Auth }}", "  {{ .Auth }} ", `{{ if .Auth }}x{{ end }}`} {
		for _, name := range []string{"A", "X-*"} {
			res := miltertest.Run(t, parsed(t, "rules: [{name: r, do: [{replace: {name: "+name+", value: '"+value+"', encode: true}}]}]"),
				miltertest.Message("A: 1\nX-A: 2\nA: 3\nX-B: 4\n\nbody\n"))
			res.AssertAccepted(t)
			res.AssertUnmodified(t)
			assert.Equal(t, 1, strings.Count(res.Logs.String(), "DEBUG field not changed: new value empty"))
			line, _ := res.Logs.Find("field not changed: new value empty")
			fields, _ := miltertest.LogAttr(line, "fields")
			assert.EqualValues(t, 2, fields.Int64())
		}
	}
}

// An MTA does not fill the log with messages that are held.
func TestLogOfQuarantineIsBounded(t *testing.T) {
	t.Parallel()
	const most, rules = 600, 20 // for one kind of line and minute: see framework.Session.BoundedLogger
	var lines testproc.Buffer
	srv := miltertest.NewServer(t, parsed(t, "rules:\n"+strings.Repeat("- do: [{quarantine: x}]\n", rules)),
		miltertest.Configure(func(c *framework.Config) { c.Logger = slog.New(slog.NewTextHandler(&lines, nil)) }))
	conn := srv.Dial(t)
	for range most/rules + 20 {
		_, err := conn.Send(t.Context(), miltertest.Message("A: 1\n\nbody\n"))
		require.NoError(t, err)
	}
	assert.Equal(t, most, lines.Count(`msg="message quarantined"`))
}

// TestRulesInOrder checks that each rule sees the changes of the rules before
// it.
func TestRulesInOrder(t *testing.T) {
	t.Parallel()
	filter := parsed(t, `
rules:
- do: [{add: {name: X, value: "1"}}, {insert: {name: X, value: "0"}}, {rename: {name: A, to: X}}]
- when: {matches: {name: X, match: "^a$"}}
  do: [{delete: {name: X, which: first}}, {suffix: {name: X, text: "!"}}]
- when: {present: A}
  do: [{reject: unreachable}]
- do: [{add: {name: B, value: "x"}}, {delete: B}, {rename: {name: X, to: Y, which: last}}]
  last: true
- do: [{reject: unreachable}]
`)
	for flavor, mta := range flavors() {
		t.Run(flavor, func(t *testing.T) {
			t.Parallel()
			res := miltertest.Run(t, filter, miltertest.Message("Z: z\nA: a\nB: b\n\nbody\n"), mta)
			res.AssertAccepted(t)
			assert.Equal(t, "Z: z\nX: a!\nY: 1!\n", headerOf(res))
		})
	}
}

// TestBehindAnotherFilter checks that the rules see the changes of a filter
// before them.
func TestBehindAnotherFilter(t *testing.T) {
	t.Parallel()
	r := framework.NewRouter()
	r.Mount(parsed(t, "name: first\nrules: [{do: [{rename: {name: A, to: B}}, {add: {name: C, value: x}}]}]"))
	r.Mount(parsed(t, "name: second\nrules: [{when: {absent: A, present: B}, do: [{replace: {name: B, value: y}}, {delete: C}, {insert: {name: D, value: z}}]}]"))
	res := miltertest.RunRouter(t, r, miltertest.Message("A: 1\nE: 2\n\nbody\n"))
	res.AssertAccepted(t)
	assert.Equal(t, "D: z\nB: y\nE: 2\n", headerOf(res))
}
