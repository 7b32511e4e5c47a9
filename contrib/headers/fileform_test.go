package headers_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// forms are the ways in which editors encode the same text.
func forms(text string) map[string][]byte {
	crlf := strings.ReplaceAll(text, "\n", "\r\n")
	wide := new(bytes.Buffer)
	_ = binary.Write(wide, binary.LittleEndian, utf16.Encode([]rune("\ufeff"+text)))
	return map[string][]byte{
		"LF":       []byte(text),
		"CRLF":     []byte(crlf),
		"CR":       []byte(strings.ReplaceAll(text, "\n", "\r")),
		"BOM":      []byte("\ufeff" + text),
		"BOM CRLF": []byte("\ufeff" + crlf),
		"UTF-16":   wide.Bytes(),
	}
}

// TestFormsOfAFile checks that a file has the same meaning in each form.
func TestFormsOfAFile(t *testing.T) {
	t.Parallel()
	const text = "---\n# größe\nrules:\n- name: größe\n  do:\n  - add:\n      name: X\n      value: >-\n        one\n        {{ .Rule }}\n...\n# end\n"
	for name, form := range forms(text) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := headers.Parse("x.yaml", form)
			require.NoError(t, err)
			filter, err := headers.New(cfg)
			require.NoError(t, err)
			assert.Equal(t, "one größe", miltertest.Run(t, filter, miltertest.Message(plain)).Header("X"))
		})
	}
}

// TestPlacesInForms checks that a mistake has the same place in each form,
// because the column counts characters.
func TestPlacesInForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"nokey: 1\nrules: []\n":                                "x.yaml:1:1: ",
		"rules:\n- {name: größe, do: [{delete: 5}]}\n":         "x.yaml:2:31: want a text",
		"rules:\n- {name: 日本, do: [{delete: a b}]}\n":          "x.yaml:2:28: rule 1 (日本): Delete: Name: ",
		"# one\n\n\nrules:\n- name: |-\n    x\n  last: 1\n":    "x.yaml:7:9: want true or false",
		"rules:\n- do: [{add: {name: X,\n    value: '{{'}}]\n": "x.yaml:3:12: rule 1: Add: Value: ",
		"rules:\n- do: [{strip: {names: [X,\n  Y, a b]}}]\n":   "x.yaml:3:6: rule 1: Strip: Names/3: ",
	} {
		for name, form := range forms(text) {
			_, err := headers.Parse("x.yaml", form)
			assert.ErrorContains(t, err, want, name)
		}
	}
}

// TestNoConfiguration checks that an invalid file is reported with a place. Files that
// would grow when expanded are not expanded: to expand one, or to read nested lists as
// often as they are deep, would exceed the time of the test. No time is compared.
func TestNoConfiguration(t *testing.T) {
	t.Parallel()
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 30; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	const rules = "rules: [{do: [{delete: X}]}]\n"
	for name, c := range map[string]struct{ text, want string }{
		"a billion laughs":    {laughs + rules, "anchors and aliases are not allowed"},
		"laughs in the rules": {"rules: &a [*a, *a, *a, *a]\n", "anchors and aliases are not allowed"},
		"merged":              {"x: &x {rules: []}\n<<: *x\n", "anchors and aliases are not allowed"},
		"anchor of a key":     {"&a rules: []\n", "anchors and aliases are not allowed"},
		"alias as a key":      {"rules: []\n? *a\n: b\n", "unknown anchor"},
		"lists without end":   {"rules: " + strings.Repeat("[", 200000), ""},
		"maps without end":    {"rules: " + strings.Repeat("{a: ", 5000) + strings.Repeat("}", 5000), "nested more than 64 levels deep"},
		"indented for long":   {"rules:\n" + stairs(1000), "nested more than 64 levels deep"},
		"two documents":       {rules + "---\n" + rules, "a second document begins here"},
		"an empty second":     {rules + "---\n", "a second document begins here"},
		"an empty first":      {"---\n---\n" + rules, ""},
		"comments alone":      {"# rules: []\n\n", "x.yaml:1:1: "},
		"a BOM alone":         {"\ufeff", "x.yaml:1:1: "},
		"NUL in a text":       {"rules: [{name: \"a\x00b\"}]\n", "is not allowed in a file"},
		"a control character": {"rules: [{name: a\x07b}]\n", "is not allowed in a file"},
		"half a BOM":          {"\xef\xbb" + rules, ""},
		"UTF-16, odd":         {"\xff\xfer\x00u", "x.yaml:1:1: "},
		"keys twice, far":     {rules + "name: x\nmetrics: y\n" + rules, "x.yaml:4:1: duplicate key \"rules\""},
		"a key of a list":     {rules + "? [rules]\n: x\n", `x.yaml:2:3: unknown key ""`},
		"a key of a map":      {rules + "{a: b}: x\n", `x.yaml:2:1: unknown key ""`},
		"a huge key":          {rules + strings.Repeat("k", 900) + ": x\n", "unknown key \"" + strings.Repeat("k", 60) + "\""},
		"another directive":   {"%TAG ! tag:x,2000:\n---\nrules: !a []\n", "tags are not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := headers.Parse("x.yaml", []byte(c.text))
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.Less(t, len(err.Error()), 100_000)
			for line := range strings.Lines(err.Error()) {
				assert.Regexp(t, `^x\.yaml:[1-9]\d*:[1-9]\d*: .`, line)
			}
		})
	}
}

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		_, _ = b.WriteString(strings.Repeat(" ", i+1) + "a:\n")
	}
	return b.String()
}

// TestTooLarge checks that a file of more than 16 MiB is not read to its end.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	text := "rules: []\n# " + strings.Repeat("𝄞", 4<<20) // YAML is read by characters: these are of four bytes
	_, err := headers.Parse("x.yaml", []byte(text))
	require.ErrorContains(t, err, "x.yaml: larger than 16777216 bytes")
	_, err = headers.Parse("x.yaml", []byte(text[:16<<20]))
	require.NoError(t, err)
}
