package middleware_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/middleware"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		value string
		limit int
		want  string
	}{
		"plain":               {"hello, world", 100, "hello, world"},
		"quote":               {`say "hi"`, 100, `say "hi"`},
		"backslash":           {`a\nb`, 100, `a\\nb`},
		"folded":              {" one\n\ttwo", 100, ` one\n\ttwo`},
		"colours":             {"\x1b[31mred", 100, `\x1b[31mred`},
		"CSI in one byte":     {"\u009b31m", 100, `\u009b31m`},
		"delete":              {"\x7f", 100, `\x7f`},
		"NUL":                 {"a\x00b", 100, `a\x00b`},
		"turned round":        {"\u202etxt.exe", 100, `\u202etxt.exe`},
		"UTF-8":               {"größe 日本", 100, "größe 日本"},
		"Latin-1":             {"gr\xf6\xdfe", 100, `gr\xf6\xdfe`},
		"at the limit":        {"12345", 5, "12345"},
		"beyond the limit":    {"123456789", 5, "12345… and 4 bytes more"},
		"no half character":   {"123ö", 4, "123… and 2 bytes more"},
		"bytes, not halves":   {strings.Repeat("\x80", 9), 5, `\x80… and 8 bytes more`},
		"first does not fit":  {"日本", 1, "… and 6 bytes more"},
		"nothing to show":     {"", 5, ""},
		"replacement in text": {"\ufffd", 100, "\ufffd"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, middleware.Printable(c.value, c.limit))
		})
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b\xff\u202e", 3)
	f.Fuzz(func(t *testing.T, value string, limit int) {
		shown := middleware.Printable(value, max(1, limit))
		assert.True(t, utf8.ValidString(shown))
		assert.NotRegexp(t, `[\x00-\x1f\x7f\x{80}-\x{9f}]`, shown)
	})
}
