package charset_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/middleware/internal/charset"
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
		"hz-gb-2312":   {"~{VPND~}", "中文", true},
		"euc-kr":       {"\xc7", "\ufffd", true},
		"utf-7":        {"+AGE-", "", false},
		"":             {"a", "", false},
		"\x00\xff":     {"a", "", false},
	} {
		text, known := charset.ToUTF8(name, []byte(c.content))
		assert.Equal(t, c.want, text, name)
		assert.Equal(t, c.known, known, name)
	}
}
