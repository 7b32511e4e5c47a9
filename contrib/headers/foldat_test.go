package headers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestFoldAt checks to the byte where lines end. All values are values of a
// field X, so the first line has three bytes before the value.
func TestFoldAt(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("x", n) }
	for name, c := range map[string]struct{ value, want string }{
		"78":                    {x(70) + " " + x(4), x(70) + " " + x(4)},
		"79":                    {x(70) + " " + x(5), x(70) + "\n " + x(5)},
		"78 in the second line": {x(75) + " " + x(77), x(75) + "\n " + x(77)},
		"79 in the second line": {x(75) + " " + x(70) + " " + x(7), x(75) + "\n " + x(70) + "\n " + x(7)},
		"a word of 78":          {x(75), x(75)},
		"a word of 998":         {x(995), x(995)},
		"a word of 999":         {x(996), x(995) + "\n x"},
		"998 behind a space":    {"a " + x(997), "a\n " + x(997)},
		"999 behind a space":    {"a " + x(998), "a\n " + x(997) + "\n x"},
		"twice 998":             {x(995 + 997), x(995) + "\n " + x(997)},
		"and one":               {x(995 + 997 + 1), x(995) + "\n " + x(997) + "\n x"},
		"no half character":     {x(994) + "ü", x(994) + "\n ü"},
		"a whole one":           {x(993) + "ü", x(993) + "ü"},
		"no UTF-8":              {x(994) + "\x80\x80\x80\x80", x(993) + "\n x\x80\x80\x80\x80"},
		"spaces stay":           {x(70) + "  \t " + x(9), x(70) + "\n  \t " + x(9)},
		"78 spaces":             {"a" + strings.Repeat(" ", 78) + "b", "a\n" + strings.Repeat(" ", 78) + "b"},
		"79 spaces":             {"a" + strings.Repeat(" ", 79) + "b", "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, rendered(t, "{{ .Helo }}", miltertest.Helo(c.value)), "of a template")
			msg := miltertest.Message("A: 1\n\nbody\n")
			msg.Header = []mta.Field{{Name: "X", Value: " " + c.value}}
			got := miltertest.Run(t, parsed(t, "rules: [{do: [fold: X]}]"), msg).Header("X")
			assert.Equal(t, c.want, got, "of what came in one line")
		})
	}
}

// TestRefold checks that unfolding and folding again restores a value, even
// with 8-bit text.
func TestRefold(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"word", "grüße", "\xfc\xdf", "日本語"} {
		value := strings.TrimSpace(strings.Repeat(word+" ", 60))
		msg := miltertest.Message("X: " + value + "\n\nbody\n")
		folded := miltertest.Run(t, parsed(t, "rules: [{do: [fold: X]}]"), msg).Header("X")
		assert.Equal(t, value, strings.ReplaceAll(folded, "\n", ""))
		lines := strings.Split("X: "+folded, "\n")
		for _, line := range lines[:len(lines)-1] {
			assert.LessOrEqual(t, len(line), 78)
			assert.Greater(t, len(line), 78-2*len(word)-2, "as full as can be: %q", line)
		}
		for _, do := range []string{"fold: X", "{unfold: X}, {fold: X}", "{fold: X}, {fold: X}"} {
			msg := miltertest.Message("X: " + folded + "\n\nbody\n")
			assert.Equal(t, folded, miltertest.Run(t, parsed(t, "rules: [{do: ["+do+"]}]"), msg).Header("X"), do)
		}
	}
}

// TestHugeOutput checks that megabytes of template output are truncated.
func TestHugeOutput(t *testing.T) {
	t.Parallel()
	times := 500
	if testproc.RaceEnabled {
		times = 10 // still more than fits into a field
	}
	huge := strings.Repeat("{{ .Value }}", times)
	for _, unit := range []string{"x", "ü", "\x80", "word ", "=?utf-8?q?=C3=BC?= "} {
		value := strings.TrimSpace(strings.Repeat(unit, 20000/len(unit)))
		filter := parsed(t, fmt.Sprintf("rules: [{do: [{replace: {name: X, value: '%[1]s'}}, {replace: {name: Y, value: '%[1]s', encode: true}}, {prefix: {name: Z, text: '%[1]s'}}]}, {when: {matches: {name: X, match: '(?s)^.+$'}}, do: [{quarantine: '%[2]s'}, {add: {name: V, value: '%[2]s'}}]}]", huge, strings.Repeat("{{ .Match 0 }}", times)))
		msg := miltertest.Message("A: 1\n\nbody\n")
		for _, name := range []string{"X", "Y", "Z"} {
			msg.Header = append(msg.Header, mta.Field{Name: name, Value: " " + value})
		}
		res := miltertest.Run(t, filter, msg)
		res.AssertAccepted(t)
		assert.Greater(t, len(res.Header("X")), 59000)
		assertFolded(t, "X", res.Header("X"))
		for _, name := range []string{"Y", "Z"} { // they have no room for it
			if got := res.Header(name); got != value {
				assertFolded(t, name, got)
			}
		}
	}
}

// TestLongEncoded checks that a long fact, which takes three times its bytes in
// encoded words, is truncated between two words, so that the field fits into a
// packet.
func TestLongEncoded(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"ü", "日", "ä ü ", "a ü "} {
		msg := miltertest.Message("A: 1\n\nbody\n")
		msg.Header = []mta.Field{{Name: "Subject", Value: " " + strings.Repeat(unit, 50000/len(unit))}}
		res := miltertest.Run(t, parsed(t, `
rules:
- when: {matches: {name: Subject, match: '(?s).*'}}
  do:
  - add: {name: X, value: '{{ .Match 0 }}', encode: true}
  - insert: {name: Y, value: '{{ .Match 0 }}', encode: true}
  - replace: {name: Subject, value: '{{ .Value }}', encode: true}
`), msg)
		res.AssertAccepted(t)
		for _, name := range []string{"X", "Y", "Subject"} {
			got := res.Header(name)
			assert.Greater(t, len(got), 59000, name)
			assertFolded(t, name, got)
			for word := range strings.FieldsSeq(got) {
				assert.Regexp(t, `^=\?utf-8\?q\?.*\?=$|^a$`, word)
			}
		}
	}
}
