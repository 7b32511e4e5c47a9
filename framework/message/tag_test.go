package message_test

import (
	"fmt"
	"math/rand/v2"
	"mime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message"
)

func TestPrefix(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ tag, value, want string }{
		"plain":                       {"[a] ", "hello", "[a] hello"},
		"no space":                    {"[a]", "hello", "[a]hello"},
		"two spaces":                  {"[a]  ", "=?utf-8?q?b?=", "[a]  =?utf-8?q?b?="},
		"no value":                    {"[a] ", " ", "[a]"},
		"no tag":                      {" ", "hello", "hello"},
		"before a word":               {"[a]", "=?utf-8?q?b?= c", "[a] =?utf-8?q?b?= c"},
		"text behind the word":        {"[a]", "=?UTF-8?B?0JLQsNGI0LU=?=. Mail failure.", "[a] =?UTF-8?B?0JLQsNGI0LU=?=. Mail failure."},
		"a space in the word":         {"[a]", "=?UTF-8?Q?gr=C3=BC=C3=9F Gott?=", "[a] =?UTF-8?Q?gr=C3=BC=C3=9F Gott?="},
		"two words glued":             {"[a]", "=?UTF-8?B?0JLQsNGI?==?UTF-8?B?0LU=?=", "[a] =?UTF-8?B?0JLQsNGI?==?UTF-8?B?0LU=?="},
		"a fold in the word":          {"[ä] ", "=?utf-8?q?a\n b?=", "=?utf-8?q?[=C3=A4]_?= =?utf-8?q?a\n b?="},
		"a word encoded badly":        {"[a]", "=?utf-8?q?=zz?=", "[a] =?utf-8?q?=zz?="},
		"the same, not ASCII":         {"[ä] ", "=?utf-8?q?=zz?=", "=?utf-8?q?[=C3=A4]_?= =?utf-8?q?=zz?="},
		"an unknown charset":          {"[ä] ", "=?x-mine?q?a?=", "=?utf-8?q?[=C3=A4]_?= =?x-mine?q?a?="},
		"not ASCII":                   {"[ä]  ", "hello", "=?utf-8?q?[=C3=A4]?=  hello"},
		"not ASCII, no space":         {"[ä]", "hello", "=?utf-8?q?[=C3=A4]?= hello"},
		"not ASCII, a sloppy word":    {"[ä] ", "=?utf-8?q?b?=.", "=?utf-8?q?[=C3=A4]_?= =?utf-8?q?b?=."},
		"raw UTF-8":                   {"[a] ", "grüße", "[a] grüße"},
		"raw Latin-1":                 {"[ä] ", "gr\xfc\xdfe", "=?utf-8?q?[=C3=A4]?= gr\xfc\xdfe"},
		"a tag in Latin-1":            {"[\xe4] ", "=?utf-8?q?b?=", "[\xe4] =?utf-8?q?b?="},
		"an encoded tag":              {"=?utf-8?q?[=C3=A4]?= ", "=?utf-8?q?b?=", "=?utf-8?q?[=C3=A4]_?= =?utf-8?q?b?="},
		"an encoded tag with a space": {"=?iso-8859-1?q?[=E4]_?=", "b", "=?utf-8?q?[=C3=A4]?= b"},
		"an encoded tag in ASCII":     {"=?utf-8?q?[a]?= ", "b", "[a] b"},
		"a tag that looks encoded":    {"=?utf-8?q?=3D=3Fa=3Fq=3Fb=3F=3D?= ", "b", "=?utf-8?q?=3D=3Fa=3Fq=3Fb=3F=3D?= b"},
		"half a word":                 {"=?utf-8?q?", "a?=", "=?utf-8?q?=3D=3Futf-8=3Fq=3F?= a?="},
		"a part of its begin":         {"x=", "?utf-8?q?a?=", "=?utf-8?q?x=3D?= ?utf-8?q?a?="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, message.Prefix(c.value, c.tag))
		})
	}
}

func TestSuffix(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, tag, want string }{
		"plain":                    {"hello", " (a)", "hello (a)"},
		"no space":                 {"hello", "(a)", "hello(a)"},
		"no value":                 {"", " (a)", "(a)"},
		"no tag":                   {"hello", " ", "hello"},
		"behind a word":            {"c =?utf-8?q?b?=", "(a)", "c =?utf-8?q?b?= (a)"},
		"a glued word":             {"c=?utf-8?q?b?=", "(ä)", "c=?utf-8?q?b?= =?utf-8?q?(=C3=A4)?="},
		"a word and text":          {"=?utf-8?q?b?=.", " (ä)", "=?utf-8?q?b?=. =?utf-8?q?(=C3=A4)?="},
		"a space in the word":      {"=?utf-8?q?b c?=", " (ä)", "=?utf-8?q?b c?= =?utf-8?q?_(=C3=A4)?="},
		"a word encoded badly":     {"=?utf-8?q?=zz?=", " (ä)", "=?utf-8?q?=zz?= =?utf-8?q?_(=C3=A4)?="},
		"not ASCII, no space":      {"hello", "(ä)", "hello =?utf-8?q?(=C3=A4)?="},
		"half a word":              {"=?utf-8?q?a", "?=", "=?utf-8?q?a =?utf-8?q?=3F=3D?="},
		"the end of a word":        {"=?utf-8?q?a?", "= b", "=?utf-8?q?a? =?utf-8?q?=3D_b?="},
		"an encoded tag, space in": {"b", "=?utf-8?q?_(=C3=A4)?=", "b =?utf-8?q?(=C3=A4)?="},
		"raw Latin-1":              {"gr\xfc\xdfe", " (\xe4)", "gr\xfc\xdfe (\xe4)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, message.Suffix(c.value, c.tag))
		})
	}
}

// subject draws a subject of ASCII, raw text, and correct and sloppy encoded words.
func subject(r *rand.Rand) string {
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	var b strings.Builder
	for range r.IntN(7) {
		switch r.IntN(6) {
		case 0:
			b.WriteString(one("Re:", "hello", "[x]", "a=b", "=?", "?=", "?", "=", "(1)"))
		case 1:
			b.WriteString(one("grüße", "日本", "\U0001F4E7", "é"))
		case 2:
			b.WriteString(one("=?utf-8?q?gr=C3=BC=C3=9Fe?=", "=?UTF-8?B?0JLQsNGI0LU=?=", "=?iso-8859-1?q?gr=FC=DFe?=", "=?us-ascii?q?a_b?="))
		case 3:
			b.WriteString(one("=?utf-8?q?a b?=", "=?utf-8?q?ö?=", "=?utf-8?q??=", "=?utf-8?q?=zz?=", "=?utf-8?b?!!?=", "=?utf-8?q?_x_?=", "=?utf-8?q?a", "=?koi8-r?B?zcnS?=", "=?utf-8?q?=3D=3F?="))
		}
		b.WriteString(one("", " ", " ", "  ", "\t", "\n "))
	}
	return b.String()
}

// Mail readers show the tag and the value one after the other, both unchanged, but
// for one space where the tag has none and an encoded word needs it. The readers are
// Decode and the decoder of the standard library, where that can read the value.
func TestTagsRead(t *testing.T) {
	t.Parallel()
	tags := []string{"[tag]", "[größe]", "a", "ü", "[very long " + strings.Repeat("größe ", 20) + "x]", "=?utf-8?q?[t=C3=A4g]?=", "=", "?=", "=?x?q?"}
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 2))
		value, tag := subject(r), tags[r.IntN(len(tags))]
		space := strings.Repeat(" ", r.IntN(3))
		checkTags(t, tag, space, value)
	}
}

func FuzzTags(f *testing.F) {
	f.Add("[ä]", true, "=?utf-8?q?a b?=. c")
	f.Add("=?utf-8?q?", false, "a?=")
	f.Add("a=", false, "?utf-8?q?a?=")
	f.Add("=?x?q?a", true, "=?utf-8?q?=zz?=")
	f.Fuzz(func(t *testing.T, tag string, spaced bool, value string) {
		tag = strings.Trim(strings.Map(func(r rune) rune {
			if r < ' ' || r == '\ufffd' {
				return '.'
			}
			return r
		}, tag), " ")
		if text, err := message.Decode(tag); err != nil || text != strings.TrimSpace(text) || text == "" {
			return // its spaces count otherwise
		}
		space := ""
		if spaced {
			space = " "
		}
		checkTags(t, tag, space, value)
	})
}

func checkTags(t *testing.T, tag, space, value string) {
	t.Helper()
	text, err := message.Decode(value)
	if err != nil {
		return
	}
	tagText, _ := message.Decode(tag)
	readers := map[string]func(string) string{"Decode": func(v string) string { text, _ := message.Decode(v); return text }}
	if standard(value) == text && !strings.Contains(text, "=?") { // it stops reading at such a part of a word
		readers["mime"] = standard
	}
	for name, read := range readers {
		got := message.Prefix(value, tag+space)
		assertJoined(t, tagText, space, text, read(got), fmt.Sprintf("%s: %q before %q: %q", name, tag+space, value, got))
		got = message.Suffix(value, space+tag)
		assertJoined(t, text, space, tagText, read(got), fmt.Sprintf("%s: %q behind %q: %q", name, space+tag, value, got))
	}
}

func assertJoined(t *testing.T, first, space, second, got, about string) {
	t.Helper()
	trim := func(text string) string { return strings.Trim(text, " \t") }
	want := first + space + second
	if trim(got) != trim(want) && space == "" {
		want = first + " " + second
	}
	assert.Equal(t, trim(want), trim(got), about)
}

// standard decodes a value with the standard library.
func standard(value string) string {
	text, err := new(mime.WordDecoder).DecodeHeader(message.Unfold(value))
	if err != nil {
		return "error: " + err.Error()
	}
	return text
}
