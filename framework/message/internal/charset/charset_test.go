package charset_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/message/internal/charset"
)

func TestToUTF8(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content, want string
		known         bool
	}{
		"US-ASCII":     {"plain", "plain", true},
		"Latin1":       {"gr\xfc\xdfe", "grüße", true},
		"windows-1251": {"\xec\xe8\xf0", "мир", true},
		"utf-16":       {"\xfe\xff\x00a", "a", true},
		"UTF-16":       {"a\x00\xfc\x00", "aü", true},
		"Utf-16":       {"\xff\xfea\x00", "a", true},
		"csUTF16":      {"a\x00", "a", true},
		"ucs-2":        {"\xfe\xff\x00a", "a", true},
		"unicode":      {"a\x00", "a", true},
		"utf-16be":     {"\x00a", "a", true},
		"utf-16le":     {"a\x00", "a", true},
		"hz-gb-2312":   {"~{VPND~}", "中文", true},
		"euc-kr":       {"\xc7", "\ufffd", true},
		"utf-7":        {"+AGE-b", "+AGE-b", false},
		"UTF7":         {"+AGE-b", "+AGE-b", false},
		"utf_8":        {"\xc3\xa4", "ä", true},
		" utf 8\t":     {"\xc3\xa4", "ä", true},
		"latin-1":      {"\xe4", "ä", true},
		"utf-32":       {"a\x00\x00\x00", "a", true},
		"":             {"a", "a", true},
		"unknown-8bit": {"\xe4", "ä", true},
		"\x00\xff":     {"a\xe4\x80", "aä€", false},
		"iso-2022-kr":  {"\xc3\xa4", "ä", false},
	} {
		text, known := charset.ToUTF8(name, []byte(c.content))
		assert.Equal(t, c.want, text, name)
		assert.Equal(t, c.known, known, name)
	}
}
