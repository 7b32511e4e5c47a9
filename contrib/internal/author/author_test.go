package author_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/internal/author"
	mail "github.com/sluicemail/sluice/framework/message"
)

func TestClear(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"ann@example.org <ann@example.org>":     "ann@example.org",
		"bob@example.net <ann@example.org>":     "ann@example.org", // the text before is a name
		"Ann, Dr. <ann@example.org>":            "ann@example.org",
		"Dr. Ann <ann@example.org>":             "ann@example.org",
		"Ann <ann@example.org":                  "ann@example.org",
		"Ann <.ann..b.@example.org>":            ".ann..b.@example.org",
		"Ann <MAILTO:ann@example.org>":          "ann@example.org",
		"mailto:ann@example.org":                "",
		".ann@example.org":                      ".ann@example.org",
		`"Ann <ann@example.org>`:                "",
		"(Ann <ann@example.org>":                "",
		`Ann \" <ann@example.org>`:              "",
		`"Ann \" (" <.ann@example.org>`:         ".ann@example.org",
		"<ann@example.org> <bob@example.net>":   "",
		"Ann <ann@example.org@example.net>":     "",
		"Ann <ann>":                             "",
		"Ann <@example.org>":                    "",
		"Ann":                                   "",
		"":                                      "",
		"Ann <ann@>":                            "",
		"Ann <a b@example.org>":                 "",
		"Ann <ann.@[192.0.2.1]>":                "ann.@[192.0.2.1]",
		"Ann <ann.@b\u00fccher.example>":        "ann.@b\u00fccher.example",
		"Ann <\u00e4nn.@example.org>":           "\u00e4nn.@example.org",
		"Ann <\xe4nn.@example.org>":             "",
		strings.Repeat("<", 1000) + "ann@a.org": "",
	} {
		a, ok := author.Clear(value)
		assert.Equal(t, want != "", ok, value)
		if ok {
			assert.Equal(t, want, a.Local+"@"+string(a.Domain), value)
		}
	}
}

// FuzzClear reads arbitrary fields. An author that is clear is the only one that a tolerant parser
// finds.
func FuzzClear(f *testing.F) {
	for _, value := range []string{"ann@example.org <ann@example.org>", "Ann <.a@b.c", `"(<mailto:a@b>)"`, "a@b, c@d", "\xff<a@\xff>"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		a, ok := author.Clear(value)
		if !ok {
			return
		}
		list, err := mail.ParseAddressList(value, mail.Tolerant)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, list[0].Domain, a.Domain)
		assert.NotEmpty(t, a.Local)
	})
}
