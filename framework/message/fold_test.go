package message_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message"
)

func TestFold(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct{ name, value, want string }{
		{"short", "a b", "a b"},
		{"empty", "", ""},
		{"spaces at the ends", " a ", "a"},
		{"78 bytes", x(37) + " " + x(38), x(37) + " " + x(38)},
		{"79 bytes", x(37) + " " + x(39), x(37) + "\n " + x(39)},
		{"76 bytes with a word", x(60) + " =?a?q?" + x(5) + "?=", x(60) + " =?a?q?" + x(5) + "?="},
		{"77 bytes with a word", x(60) + " =?a?q?" + x(6) + "?=", x(60) + "\n =?a?q?" + x(6) + "?="},
		{"77 bytes behind a word", "=?a?q?" + x(8) + "?= " + x(58), "=?a?q?" + x(8) + "?=\n " + x(58)},
		{"78 bytes on the next line", "=?a?q?" + x(8) + "?= " + x(77), "=?a?q?" + x(8) + "?=\n " + x(77)},
		{"folded elsewhere", "a\r\n b\n\tc", "a b\tc"},
		{"a tab to fold at", x(50) + "\t" + x(50), x(50) + "\n\t" + x(50)},
		{"several spaces to fold at", x(50) + "  " + x(50), x(50) + "\n  " + x(50)},
		{"no space to fold at", x(200), x(200)},
		{"a long word", x(10) + " " + x(1100), x(10) + "\n " + x(997) + "\n " + x(103)},
		{"a long word at the begin", x(1100), x(996) + "\n " + x(104)},
		{"a character at the limit", strings.Repeat("x", 995) + "ü" + x(5), x(995) + "\n ü" + x(5)},
		{"79 spaces", x(50) + strings.Repeat(" ", 79) + x(50), x(50) + "\n " + x(50)},
		{"78 spaces", x(50) + strings.Repeat(" ", 78) + x(50), x(50) + "\n" + strings.Repeat(" ", 78) + x(50)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, message.Fold("", c.value))
		})
	}
	assert.Equal(t, x(30)+"\n "+x(38), message.Fold("X-Name-of-9", x(30)+" "+x(38)), "room for the name")
}

func TestUnfold(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                  "",
		" a\r\n b ":         "a b",
		"a\n b\n\tc":        "a b\tc",
		"\n a":              "a",
		"a\n":               "a",
		"a\nb":              "ab",
		"a\rb":              "a\rb",
		"a\r\r\n b\r":       "a\r b",
		"\t=?utf-8?q?a?=\t": "=?utf-8?q?a?=",
		"a\x00\xff":         "a\x00\xff",
	} {
		assert.Equal(t, want, message.Unfold(value), "%q", value)
	}
}

// A folded value is one that can be sent, has no line over the limits, and unfolds
// to what it was.
func FuzzFold(f *testing.F) {
	for _, value := range []string{"a", "a\n b", strings.Repeat("word ", 50), strings.Repeat("ü", 1000), "x" + strings.Repeat(" ", 200) + "y"} {
		f.Add("Subject", value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if message.CheckFieldName(name) != nil || message.FieldValueProblem(value) != "" || len(value) > 60_000 {
			t.Skip()
		}
		folded := message.Fold(name, value)
		assert.Empty(t, message.FieldValueProblem(folded))
		for i, line := range strings.Split(folded, "\n") {
			if i == 0 {
				line = name + ": " + line
			}
			assert.LessOrEqual(t, len(line), 998)
			if text := strings.TrimLeft(line, " \t"); len(line) > 78 && i > 0 {
				assert.NotContains(t, text, " ", "a line over 78 bytes has no space to fold at")
			}
		}
		assert.Equal(t, squeezed(value), squeezed(folded))
		assert.Equal(t, utf8.ValidString(value), utf8.ValidString(folded))
	})
}

// squeezed returns a value without white space.
func squeezed(value string) string {
	return strings.NewReplacer(" ", "", "\t", "", "\n", "", "\r", "").Replace(value)
}
