package charset_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message/internal/charset"
)

func TestFromUTF8(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		charset, text, want string
		ok                  bool
	}{
		"US-ASCII":             {"US-ASCII", "plain", "plain", true},
		"beyond US-ASCII":      {"us-ascii", "grüße", "grüße", false},
		"no charset":           {"", "plain", "plain", true},
		"UTF-8":                {"utf-8", "grüße", "grüße", true},
		"Latin1":               {"ISO-8859-1", "grüße", "gr\xfc\xdfe", true},
		"only in windows-1252": {"iso-8859-1", "10 €", "", false},
		"windows-1252":         {"windows-1252", "10 €", "10 \x80", true},
		"not in Latin1":        {"iso-8859-1", "мир", "", false},
		"another spelling":     {"iso_8859-1", "ü", "\xfc", true},
		"Japanese, back again": {"iso-2022-jp", "日本", "\x1b$BF|K\\\x1b(B", true},
		"unknown":              {"klingon", "plain", "", false},
		"UTF-7":                {"utf-7", "plain", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, ok := charset.FromUTF8(c.charset, c.text)
			assert.Equal(t, c.ok, ok)
			assert.Equal(t, c.want, string(content))
		})
	}
}

func TestContainsASCII(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "us-ascii", "utf-8", "iso-8859-15", "windows-1252", "koi8-r", "gbk", "gb18030", "big5", "euc-jp", "euc-kr", "iso-2022-jp", "shift_jis"} {
		assert.True(t, charset.ContainsASCII(name), name)
	}
	for _, name := range []string{"utf-16", "utf-16le", "utf-16be", "utf-32", "utf-7", "hz-gb-2312", "ibm037", "klingon"} {
		assert.False(t, charset.ContainsASCII(name), name)
	}
}

func TestHasShifts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"iso-2022-jp", "ISO_2022-JP ", "csISO2022JP"} {
		assert.True(t, charset.HasShifts(name), name)
	}
	for _, name := range []string{"", "us-ascii", "utf-8", "euc-jp", "shift_jis", "klingon"} {
		assert.False(t, charset.HasShifts(name), name)
	}
}
