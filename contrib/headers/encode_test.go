package headers_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// again is an action that writes a field anew, encoded.
func again(name string) string {
	return "replace: {name: " + name + ", value: '{{ .Value }}', encode: true}"
}

// encodeTests are messages and their headers after an action with encode.
// TestWordsBehindMTAs runs them behind real MTAs too.
func encodeTests() map[string]actionTest {
	return map[string]actionTest{
		"raw Subject":        {again("Subject"), "Subject: Káva tento týden?\n", "Subject: =?utf-8?q?K=C3=A1va?= tento =?utf-8?q?t=C3=BDden=3F?=\n"},
		"words and raw text": {again("Subject"), "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?= von Köln\n", "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?= von =?utf-8?q?K=C3=B6ln?=\n"},
		"words":              {again("Subject"), "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\n", "Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\n"},
		"twice":              {again("Subject") + "\n  - " + again("Subject"), "Subject: ü ö\n", "Subject: =?utf-8?q?=C3=BC_=C3=B6?=\n"},
		"long": {
			again("Subject"), "Subject: " + strings.Repeat("Příliš ", 9) + "\n",
			"Subject: =?utf-8?q?P=C5=99=C3=ADli=C5=A1_P=C5=99=C3=ADli=C5=A1_P=C5=99=C3=ADli?=\n =?utf-8?q?=C5=A1_P=C5=99=C3=ADli=C5=A1_P=C5=99=C3=ADli=C5=A1_P=C5=99?=\n" +
				" =?utf-8?q?=C3=ADli=C5=A1_P=C5=99=C3=ADli=C5=A1_P=C5=99=C3=ADli=C5=A1_P?=\n =?utf-8?q?=C5=99=C3=ADli=C5=A1?=\n",
		},
		"Latin-1": {again("Subject"), "Subject: gr\xfc\xdfe\n", "Subject: gr\xfc\xdfe\n"},
		"a name that is rewritten": {
			`replace: {name: From, match: '^(.*\S)\s*<[^<>]*>$', encode: true, value: '{{ .Match 1 }} via list <list@example.test>'}`,
			"From: Tobias Bölz <tobias@client.example>\n", "From: Tobias =?utf-8?q?B=C3=B6lz?= via list <list@example.test>\n",
		},
		"a name in Latin-1": {again("From"), "From: B\xf6lz <b@client.example>\n", "From: B\xf6lz <b@client.example>\n"},
		"addresses": {
			again("To"), "To: \"Müller, J\" <a@b.example>, c@d.example, Gäste: e@f.example;\n",
			"To: =?utf-8?q?M=C3=BCller=2C_J?= <a@b.example>, c@d.example,\n =?utf-8?q?G=C3=A4ste?= : e@f.example;\n",
		},
		"a comment":       {again("Cc"), "Cc: a@b.example (Müller)\n", "Cc: a@b.example (=?utf-8?q?M=C3=BCller?=)\n"},
		"an encoded name": {again("Reply-To"), "Reply-To: =?utf-8?q?M=C3=BC?= <a@b.example>\n", "Reply-To: =?utf-8?q?M=C3=BC?= <a@b.example>\n"},
		"a Resent field":  {again("Resent-From"), "Resent-From: \"Mü\" <a@b.example>\n", "Resent-From: =?utf-8?q?M=C3=BC?= <a@b.example>\n"},
		"an added Sender": {"add: {name: Sender, value: 'Mü <a@b.example>', encode: true}", "A: 1\n", "A: 1\nSender: =?utf-8?q?M=C3=BC?= <a@b.example>\n"},
		"an inserted List-Id": {
			"insert: {name: List-Id, value: 'Köche <l.b.example>', encode: true}", "A: 1\n", "List-Id: =?utf-8?q?K=C3=B6che?= <l.b.example>\nA: 1\n",
		},
	}
}

// damageTests are messages whose addresses an action would destroy.
func damageTests() map[string]actionTest {
	const from = "From: ann@example.org\n"
	return map[string]actionTest{
		"a tag before an address": {"replace: {name: From, value: '[EXT] {{ .Value }}'}", from, from},
		"the same, encoded":       {"replace: {name: From, value: '[é] {{ .Value }}', encode: true}", from, from},
		"text behind an address":  {"replace: {name: To, value: '{{ .Value }} external'}", "To: ann@example.org\n", "To: ann@example.org\n"},
		"a comma in a name":       {"replace: {name: From, match: '^(.*) <', value: 'List, {{ .Match 1 }} <l@example.org>'}", "From: Ann <a@example.org>\n", "From: Ann <a@example.org>\n"},
		"an identifier":           {"replace: {name: Message-ID, value: 'x {{ .Value }}'}", "Message-ID: <1@example.org>\n", "Message-ID: <1@example.org>\n"},
		"a name before":           {"replace: {name: From, match: '^[^<> ]+$', value: '\"[EXT]\" <{{ .Value }}>'}", from, "From: \"[EXT]\" <ann@example.org>\n"},
		"malformed before":        {"replace: {name: Date, value: 'on {{ .Value }}'}", "Date: yesterday\n", "Date: on yesterday\n"},
		"a new name":              {"rename: {name: X-Text, to: Sender}", "X-Text: some words here\n", "X-Text: some words here\n"},
		"a new name that fits":    {"rename: {name: X-Text, to: Sender}", "X-Text: Ann <ann@example.org>\n", "Sender: Ann <ann@example.org>\n"},
		"a family renamed":        {"rename: {name: X-Old-*, to: Resent-*}", "X-Old-A: b c\nX-Old-Date: today\n", "Resent-A: b c\nX-Old-Date: today\n"},
		"a family with a tag":     {"prefix: {name: X-Original-*, text: 'old '}", "X-Original-Subject: a\nX-Original-From: Ann <a@b.example>\n", "X-Original-Subject: old a\nX-Original-From: Ann <a@b.example>\n"},
		"a family encoded":        {again("X-Original-*"), "X-Original-From: \"Mü, J\" <a@b.example>\nX-Original-X: ü\n", "X-Original-From: =?utf-8?q?M=C3=BC=2C_J?= <a@b.example>\nX-Original-X: =?utf-8?q?=C3=BC?=\n"},
		"a name in Reply-To":      {"reply_to: 'Müller <m@example.org>'", "A: 1\n", "A: 1\nReply-To: =?utf-8?q?M=C3=BCller?= <m@example.org>\n"},
	}
}

// tagTests are messages and their headers after a tag was added.
func tagTests() map[string]actionTest {
	const prefix, suffix = "prefix: {name: Subject, text: '[EXT] '}", "suffix: {name: Subject, text: ' (EXT)'}"
	far := "Subject: Your salary, please confirm" + strings.Repeat(" ", 300) + "x [EXT]\n"
	return map[string]actionTest{
		"text behind a word": {
			"prefix: {name: Subject, text: '[EXT]'}", "Subject: =?UTF-8?B?0JLQsNGI0LU=?=. Mail failure.\n", "Subject: [EXT] =?UTF-8?B?0JLQsNGI0LU=?=. Mail failure.\n",
		},
		"a space in a word": {
			"prefix: {name: Subject, text: '[EXT]'}", "Subject: =?UTF-8?Q?gr=C3=BC=C3=9F Gott?=\n", "Subject: [EXT] =?UTF-8?Q?gr=C3=BC=C3=9F Gott?=\n",
		},
		"glued words": {
			"prefix: {name: Subject, text: '[EXT]'}", "Subject: =?UTF-8?B?0JLQsNGI?==?UTF-8?B?0LU=?=\n", "Subject: [EXT] =?UTF-8?B?0JLQsNGI?==?UTF-8?B?0LU=?=\n",
		},
		"not ASCII, a sloppy word": {
			"prefix: {name: Subject, text: '[Ä] '}", "Subject: =?UTF-8?B?0JLQsNGI0LU=?=. x\n", "Subject: =?utf-8?q?[=C3=84]_?= =?UTF-8?B?0JLQsNGI0LU=?=. x\n",
		},
		"suffix of a sloppy word": {
			"suffix: {name: Subject, text: ' (Ä)'}", "Subject: x=?UTF-8?B?0JLQsNGI0LU=?=\n", "Subject: x=?UTF-8?B?0JLQsNGI0LU=?= =?utf-8?q?_(=C3=84)?=\n",
		},
		"far to the right":         {prefix + "\n  - unfold: Subject", far, "Subject: [EXT] Your salary, please confirm x [EXT]\n"},
		"in the middle":            {prefix, "Subject: hello [EXT] you\n", "Subject: [EXT] hello [EXT] you\n"},
		"at the begin":             {prefix, "Subject: [EXT]hello\n", "Subject: [EXT]hello\n"},
		"at the begin, encoded":    {prefix, "Subject: =?utf-8?q?[EXT]_=C3=BC?=\n", "Subject: =?utf-8?q?[EXT]_=C3=BC?=\n"},
		"behind Re:":               {prefix, "Subject: Re: [EXT] hello\n", "Subject: Re: [EXT] hello\n"},
		"behind many":              {prefix, "Subject: RE:AW: Fwd: Re[2]: SV (3): [EXT] hello\n", "Subject: RE:AW: Fwd: Re[2]: SV (3): [EXT] hello\n"},
		"behind too many":          {prefix, "Subject: RE:AW: Fwd: WG: Re[2]: SV (3): [EXT] pay\n", "Subject: [EXT] RE:AW: Fwd: WG: Re[2]: SV (3): [EXT] pay\n"},
		"a part of a word":         {"prefix: {name: Subject, text: 'EXT '}", "Subject: Re: EXTRA pay\n", "Subject: EXT Re: EXTRA pay\n"},
		"a part of an accent":      {"prefix: {name: Subject, text: 'EXT '}", "Subject: EXT\u0301 pay\n", "Subject: EXT EXT\u0301 pay\n"},
		"a word, no space":         {"prefix: {name: Subject, text: 'EXT'}", "Subject: EXTRA pay\n", "Subject: EXT EXTRA pay\n"},
		"no space, twice":          {"prefix: {name: Subject, text: 'EXT'}\n  - prefix: {name: Subject, text: 'EXT'}", "Subject: pay\n", "Subject: EXT pay\n"},
		"a word and a colon":       {"prefix: {name: Subject, text: 'EXT'}", "Subject: EXT: pay\n", "Subject: EXT: pay\n"},
		"suffix of a word":         {"suffix: {name: Subject, text: ' out'}", "Subject: sold about\n", "Subject: sold about out\n"},
		"suffix, no space, twice":  {"suffix: {name: Subject, text: out}\n  - suffix: {name: Subject, text: out}", "Subject: ab\n", "Subject: ab out\n"},
		"behind one, encoded":      {prefix, "Subject: =?utf-8?b?562U5aSN77yaW0VYVF0g?= x\n", "Subject: =?utf-8?b?562U5aSN77yaW0VYVF0g?= x\n"},
		"behind one and text":      {prefix, "Subject: Re: x [EXT]\n", "Subject: [EXT] Re: x [EXT]\n"},
		"behind one and spaces":    {prefix, "Subject: Re:  [EXT]\n", "Subject: [EXT] Re:  [EXT]\n"},
		"behind what is no prefix": {prefix, "Subject: Ours: [EXT]\n", "Subject: [EXT] Ours: [EXT]\n"},
		"suffix at the end":        {suffix, "Subject: hello(EXT)\n", "Subject: hello(EXT)\n"},
		"suffix not at the end":    {suffix, "Subject: hello (EXT) you\n", "Subject: hello (EXT) you (EXT)\n"},
		"suffix at the begin":      {suffix, "Subject: Re: (EXT) you\n", "Subject: Re: (EXT) you (EXT)\n"},
		"no Subject":               {"prefix: {name: Subject, text: '[EXT] ', or_add: true}", "A: 1\n", "A: 1\nSubject: [EXT]\n"},
		"no Subject, not ASCII":    {"prefix: {name: Subject, text: '[Ä] ', or_add: true}", "A: 1\n", "A: 1\nSubject: =?utf-8?q?[=C3=84]?=\n"},
		"no Subject, suffix":       {"suffix: {name: Subject, text: ' (EXT)', or_add: true}", "A: 1\n", "A: 1\nSubject: (EXT)\n"},
		"no Subject, empty text":   {"prefix: {name: Subject, text: '{{ .Auth }} ', or_add: true}", "A: 1\n", "A: 1\n"},
		"an empty Subject":         {"prefix: {name: Subject, text: '[EXT] ', or_add: true}", "A: 1\nSubject:\n", "A: 1\nSubject: [EXT]\n"},
		"a Subject":                {"prefix: {name: Subject, text: '[EXT] ', or_add: true}", "Subject: hello\n", "Subject: [EXT] hello\n"},
		"a Subject with the tag":   {"prefix: {name: Subject, text: '[EXT] ', or_add: true}", "Subject: [EXT] hello\n", "Subject: [EXT] hello\n"},
		"no Subject, by pattern":   {"prefix: {name: Subject, text: '[EXT] ', match: x, or_add: true}", "A: 1\n", "A: 1\nSubject: [EXT]\n"},
		"another, by pattern":      {"prefix: {name: Subject, text: '[EXT] ', match: x, or_add: true}", "Subject: hello\n", "Subject: hello\n"},
		"no second":                {"suffix: {name: A, text: '!', which: 2, or_add: true}", "A: 1\n", "A: 1\n"},
		"deleted before":           {"delete: Subject\n  - prefix: {name: Subject, text: '[EXT] ', or_add: true}", "A: 1\nSubject: x\n", "A: 1\nSubject: [EXT]\n"},
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for kind, tests := range map[string]map[string]actionTest{"encode": encodeTests(), "tag": tagTests(), "damage": damageTests()} {
		for name, c := range tests {
			c.test(t, kind+"/"+name)
		}
	}
}

// TestReplyPrefixes checks each prefix that the README lists.
func TestReplyPrefixes(t *testing.T) {
	t.Parallel()
	text, _ := section(t, "ACTIONS")
	_, list, _ := strings.Cut(text, "at most five of them: ")
	list, _, _ = strings.Cut(list, ". Each has a colon")
	list = strings.ReplaceAll(list, "and\nin other languages ", "")
	words := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\n' })
	assert.Greater(t, len(words), 30)
	conn := miltertest.NewServer(t, parsed(t, "rules: [{do: [{prefix: {name: Subject, text: '[EXT] '}}]}]")).Dial(t)
	for _, word := range words {
		for _, form := range []string{"%s: ", "%s:", "%s[12]: ", "%s (2): ", "%s： "} {
			for _, word := range []string{word, strings.ToLower(word), strings.ToUpper(word)} {
				subject := fmt.Sprintf(form, word) + "[EXT] hello"
				assert.Equal(t, subject, conn.Run(t, miltertest.Message("Subject: "+subject+"\n\nbody\n")).Header("Subject"))
			}
		}
	}
}

// TestNotEncoded checks the log of values that cannot be encoded, on one line for
// a message.
func TestNotEncoded(t *testing.T) {
	t.Parallel()
	var lines testproc.Buffer
	srv := miltertest.NewServer(t, parsed(t, "rules: [{name: r, do: [{"+again("X")+"}]}]"),
		miltertest.Configure(func(c *framework.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}))
	res := srv.Dial(t).Run(t, miltertest.Message("X: gr\xfc\xdfe\nX: \xff\n\nbody\n"))
	res.AssertUnmodified(t)
	assert.Equal(t, 1, lines.Count(`level=DEBUG msg="field not encoded: new value not UTF-8"`))
	assert.Equal(t, 1, lines.Count(`rule=r name=X bytes=5 fields=2`))
}

// TestDamagedIsLogged checks the log of fields that stay because they would be damaged.
func TestDamagedIsLogged(t *testing.T) {
	t.Parallel()
	filter := parsed(t, "rules: [{name: r, do: [{rename: {name: [A, B], to: Date}}, {replace: {name: From, value: 'x {{ .Value }}'}}]}]")
	res := miltertest.Run(t, filter, miltertest.Message("A: 1\nB: 2\nFrom: a@b.example\n\nbody\n"))
	res.AssertUnmodified(t)
	assert.Contains(t, res.Logs.String(), "INFO field not changed: it would become malformed")
	line, ok := res.Logs.Find("field not changed: it would become malformed")
	assert.True(t, ok)
	fields, _ := miltertest.LogAttr(line, "fields")
	assert.Equal(t, int64(3), fields.Int64())
}

// TestTagsOfGenerated checks that readers show the tag and the subject one after the
// other, whatever the subject is, and that it is tagged once.
func TestTagsOfGenerated(t *testing.T) {
	t.Parallel()
	parts := []string{
		"Re: ", "hello ", "a=b", "=?", "?= ", " ", "grüße ", "日本", "=?utf-8?q?gr=C3=BC=C3=9Fe?= ", "=?UTF-8?B?0JLQsNGI0LU=?=", "=?iso-8859-1?q?gr=FC=DFe?=",
		"=?utf-8?q?a b?=", "=?utf-8?q?ö?= ", "=?utf-8?q?=zz?=", "=?utf-8?q?a", "=?koi8-r?B?zcnS?=", "=?utf-16?q?=FC=00?= ", "\n ",
	}
	for _, tag := range []string{"[tag] ", "[tag]", "[größe] ", "[größe]", "=?utf-8?q?[t=C3=A4g]_?="} {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			conn := miltertest.NewServer(t, parsed(t, fmt.Sprintf("rules: [{do: [{prefix: {name: Subject, text: %q}}]}]", tag))).Dial(t)
			r := rand.New(rand.NewPCG(3, 4))
			for range 300 {
				subject := ""
				for range 1 + r.IntN(5) {
					subject += parts[r.IntN(len(parts))]
				}
				msg := miltertest.Message("A: 1\n\nbody\n")
				msg.Header = []mta.Field{{Name: "Subject", Value: " " + message.CleanFieldValue(subject)}}
				once := conn.Run(t, msg).Header("Subject")
				read, err := message.Decode(subject)
				if err != nil {
					continue
				}
				shown, _ := message.Decode(once)
				bare, _ := message.Decode(tag)
				bare = strings.TrimSpace(bare)
				assert.Equal(t, spaceless(bare+read), spaceless(shown), "%q: %q", subject, once)
				rest := strings.TrimPrefix(shown, bare)
				assert.Equal(t, strings.TrimLeft(read, " "), strings.TrimLeft(rest, " "), "%q: %q", subject, once)
				assert.LessOrEqual(t, len(rest), len(read)+1, "%q: %q", subject, once)
				msg.Header[0].Value = " " + once
				assert.Equal(t, once, conn.Run(t, msg).Header("Subject"), "tagged once")
			}
		})
	}
}
