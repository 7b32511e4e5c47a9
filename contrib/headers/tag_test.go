package headers_test

import (
	"fmt"
	"mime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/wire/mta"
)

// subjects are values of many forms to which a tag is added.
func subjects() map[string]string {
	return map[string]string{
		"plain":               "hello",
		"a word":              "=?utf-8?q?gr=C3=BC=C3=9Fe?=",
		"words and text":      "Re: =?utf-8?q?=C3=BC?= =?utf-8?b?w6Q=?= end",
		"Latin-1":             "=?iso-8859-1?q?gr=FC=DFe?=",
		"windows-1251":        "=?windows-1251?q?=EC=E8=F0?=",
		"shift_jis":           "=?shift_jis?b?k/qWew==?=",
		"a charset of nobody": "=?x-mine?q?hello?=",
		"of nobody and text":  "=?x-mine?q?a?= and =?utf-8?q?=C3=BC?=",
		"words side by side":  "=?utf-8?q?a?==?utf-8?q?b?=",
		"badly encoded":       "=?utf-8?q?=zz?= =?utf-8?b?!!?= =?=?=",
		"a character in two":  "=?utf-8?b?w7w=?= =?utf-8?b?w?= =?utf-8?b?7w=?=",
		"raw UTF-8":           "grüße",
		"no UTF-8":            "gr\xfc\xdfe",
		"folded":              "one\n two\n\tthree",
		"folded words":        "=?utf-8?q?=C3=BC?=\n =?utf-8?q?=C3=A4?=",
		"long":                strings.Repeat("word ", 40) + "end",
		"without a space":     strings.Repeat("x", 2000),
		"like a tag":          "[tagg] [Tag] tag]",
	}
}

func tags() map[string]string {
	return map[string]string{
		"short":         "[tag] ",
		"no space":      "[tag]",
		"UTF-8":         "[größe] ",
		"UTF-8 alone":   "ÿ",
		"long":          "[" + strings.Repeat("very long tag ", 10) + "] ",
		"long UTF-8":    "[" + strings.Repeat("größe ", 20) + "] ",
		"encoded":       "=?utf-8?q?[t=C3=A4g]?= ",
		"two spaces":    "[a]  [b] ",
		"a pattern":     `\E(?i)[^t]$1 `,
		"emoji":         "\U0001F4E7 ",
		"long, no room": "[" + strings.Repeat("ü", 200) + "] ",
	}
}

// tagged returns a filter that adds a tag before or after the subject.
func tagged(t *testing.T, kind, tag string) framework.Filter {
	t.Helper()
	if kind == "suffix" {
		tag = " " + strings.TrimSpace(tag)
	}
	return parsed(t, fmt.Sprintf("rules: [{do: [{%s: {name: Subject, text: %q}}]}]", kind, tag))
}

// TestTagTwice checks that the filter tags mail only once: the output of the
// first pass goes through the second pass unchanged.
func TestTagTwice(t *testing.T) {
	t.Parallel()
	for tagName, tag := range tags() {
		for _, kind := range []string{"prefix", "suffix"} {
			t.Run(kind+"/"+tagName, func(t *testing.T) {
				t.Parallel()
				conn := miltertest.NewServer(t, tagged(t, kind, tag)).Dial(t)
				for name, subject := range subjects() {
					msg := miltertest.Message("A: 1\n\nbody\n")
					msg.Header = []mta.Field{{Name: "Subject", Value: " " + subject}}
					first := conn.Run(t, msg)
					first.AssertAccepted(t)
					once := first.Header("Subject")
					assert.NotEqual(t, subject, once, name)
					assertFolded(t, "Subject", once)
					msg.Header = []mta.Field{{Name: "Subject", Value: " " + once}}
					second := conn.Run(t, msg)
					second.AssertAccepted(t)
					assert.Equal(t, once, second.Header("Subject"), name)
				}
			})
		}
	}
}

// TestTagReads checks that mail readers show the tag and the subject one after
// the other, both unchanged. The reader is the decoder of the standard library,
// for the charsets that it supports.
func TestTagReads(t *testing.T) {
	t.Parallel()
	read := func(value string) string {
		text, err := new(mime.WordDecoder).DecodeHeader(strings.ReplaceAll(value, "\n", ""))
		assert.NoError(t, err, value)
		return strings.Join(strings.Fields(text), " ")
	}
	for tagName, tag := range tags() {
		t.Run(tagName, func(t *testing.T) {
			t.Parallel()
			before := miltertest.NewServer(t, tagged(t, "prefix", tag)).Dial(t)
			behind := miltertest.NewServer(t, tagged(t, "suffix", tag)).Dial(t)
			for _, name := range []string{"plain", "a word", "words and text", "Latin-1", "folded", "folded words", "long", "like a tag"} {
				subject := subjects()[name]
				msg := miltertest.Message("Subject: " + subject + "\n\nbody\n")
				got := before.Run(t, msg).Header("Subject")
				assert.Equal(t, spaceless(read(tag)+read(subject)), spaceless(read(got)), got)
				if strings.HasSuffix(tag, " ") && tagName != "encoded" { // between two words a reader sees no space
					assert.Equal(t, read(tag)+" "+read(subject), read(got), got)
				}
				got = behind.Run(t, msg).Header("Subject")
				assert.Equal(t, spaceless(read(subject)+read(tag)), spaceless(read(got)), got)
				if tagName != "encoded" {
					assert.Equal(t, read(subject)+" "+read(tag), read(got), got)
				}
				for word := range strings.FieldsSeq(got) {
					assert.True(t, !strings.HasPrefix(word, "=?") || len(word) <= 75, word)
				}
				assert.True(t, utf8.ValidString(got))
			}
		})
	}
}

func spaceless(text string) string { return strings.ReplaceAll(text, " ", "") }

// TestDecodedCharsets checks that patterns match encoded words in all charsets,
// even next to a word that cannot be decoded.
func TestDecodedCharsets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ pattern, subject string }{
		"windows-1251":         {"^мир$", "=?windows-1251?q?=EC=E8=F0?="},
		"koi8-r, base64":       {"мир", "=?KOI8-R?B?zcnS?="},
		"shift_jis":            {"日本", "=?shift_jis?b?k/qWew==?="},
		"with a language":      {"^a b$", "=?us-ascii*en?q?a_b?="},
		"beside an unknown":    {`invoice\.exe`, "=?x-mine?q?a?= =?utf-8?q?invoice=2Eexe?="},
		"before an unknown":    {`invoice\.exe`, "=?utf-8?q?invoice=2Eexe?= =?x-mine?q?a?="},
		"the unknown, guessed": {"^bü$", "=?utf-8?q?b?= =?x-mine?q?=FC?="},
		"foreign in base64":    {"pay", "=?utf-8?b?cG.F5?="},
		"sloppy charset":       {"pay", "=?UTF_8?q?=70ay?="},
		"code without digits":  {"pay", "=?utf-8?q?=zz_=70ay?="},
		"beside a broken one":  {`invoice\.exe`, "=?utf-8?b?!?= =?utf-8?q?invoice=2Eexe?="},
		"utf-16, no mark":      {"^ü$", "=?utf-16?q?=FC=00?="},
		"cut in two":           {"^ü$", "=?utf-8?q?=C3?= =?utf-8?q?=BC?="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filter := parsed(t, fmt.Sprintf("rules: [{when: {matches: {name: Subject, match: %q, decoded: true}}, do: [reject: it holds]}]", c.pattern))
			miltertest.Run(t, filter, miltertest.Message("Subject: "+c.subject+"\n\nbody\n")).AssertRejected(t)
			filter = parsed(t, fmt.Sprintf("rules: [{do: [delete: {name: Subject, match: %q, decoded: true}]}]", c.pattern))
			assert.Empty(t, miltertest.Run(t, filter, miltertest.Message("Subject: "+c.subject+"\nA: 1\n\nbody\n")).HeaderValues("Subject"))
		})
	}
}
