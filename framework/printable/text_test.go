package printable_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/printable"
)

func TestText(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"plain":                {"hello, world", "hello, world"},
		"UTF-8":                {"größe 日本 é", "größe 日本 é"},
		"emoji":                {"\U0001f600", "\U0001f600"},
		"backslash":            {`a\nb`, `a\nb`},
		"quote":                {`say "hi"`, `say "hi"`},
		"Cc, C0":               {"a\x00\t\r\n\x1b", `a\x00\t\r\n\x1b`},
		"Cc, DEL":              {"\x7f", `\x7f`},
		"Cc, C1":               {"\u0085\u009b31m", `\u0085\u009b31m`},
		"Cf, bidi":             {"\u202etxt.exe\u2066\u200f", `\u202etxt.exe\u2066\u200f`},
		"Cf, zero width":       {"a\u200b\u200d\u2060\ufeff", `a\u200b\u200d\u2060\ufeff`},
		"Cf, soft hyphen":      {"a\u00adb", `a\u00adb`},
		"Cf, tags":             {"\U000e0041\U000e007f", `\U000e0041\U000e007f`},
		"Zl and Zp":            {"\u2028\u2029", `\u2028\u2029`},
		"Zs":                   {" \u00a0\u3000", ` \u00a0\u3000`},
		"Co":                   {"\ue000\U000f0000", `\ue000\U000f0000`},
		"Cn":                   {"\u0378\ufffe", `\u0378\ufffe`},
		"Cs":                   {"\xed\xa0\x80", `\xed\xa0\x80`},
		"variation selectors":  {"\u2764\ufe0f\U000e0101", "\u2764" + `\ufe0f\U000e0101`},
		"invisible letters":    {"\u115f\u3164\uffa0\u034f", `\u115f\u3164\uffa0\u034f`},
		"not UTF-8":            {"gr\xf6\xdfe", `gr\xf6\xdfe`},
		"cut UTF-8":            {"\xe6\x97", `\xe6\x97`},
		"overlong":             {"\xc0\x8a", `\xc0\x8a`},
		"replacement in text":  {"\ufffd", "\ufffd"},
		"several and the rest": {"a\x01b\x02c", `a\x01b\x02c`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := printable.Text(c.text)
			assert.Equal(t, c.want, got)
			assert.Equal(t, got, printable.Text(got), "escaping twice changes nothing")
		})
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text  string
		limit int
		want  string
	}{
		"at the limit":       {"12345", 5, "12345"},
		"beyond":             {"123456789", 5, "12345… and 4 bytes more"},
		"no half character":  {"123ö", 4, "123… and 2 bytes more"},
		"first does not fit": {"日本", 1, "… and 6 bytes more"},
		"bytes":              {strings.Repeat("\x80", 9), 5, `\x80… and 8 bytes more`},
		"escaped":            {"\x1b[31m", 2, `\x1b[… and 3 bytes more`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, printable.Short(c.text, c.limit))
		})
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b\xff\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		got := printable.Text(text)
		assert.True(t, utf8.ValidString(got))
		for _, r := range got {
			assert.True(t, printable.Rune(r), "%+q", r)
		}
		assert.Equal(t, got, printable.Text(got))
	})
}
