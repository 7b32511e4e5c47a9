package dkim_test

import (
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/authres"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// TestNames tests DNS names at the boundaries of validity.
func TestNames(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	long := strings.Join([]string{label, label, label}, ".") // 191 bytes
	tests := map[string]struct {
		selector, domain string
		says             string // or "" if they are names
	}{
		"all characters":           {"azAZ09-_", "azAZ09-_.example", ""},
		"before the letters":       {"a`", "a.example", "is not a selector"},
		"behind the letters":       {"a{", "a.example", "is not a selector"},
		"before the capitals":      {"s", "a@.example", "is not a domain"},
		"behind the capitals":      {"s", "a[.example", "is not a domain"},
		"before the digits":        {"s", "a/.example", "is not a domain"},
		"behind the digits":        {"s:", "a.example", "is not a selector"},
		"beyond ASCII":             {"s", "ä.example", ""},
		"beyond ASCII, no name":    {"s", "ä b.example", "is not a domain"},
		"beyond ASCII, selector":   {"é", "a.example", ""},
		"the longest label":        {"s", label + ".example", ""},
		"a label too long":         {"s", label + "a.example", "is not a domain"},
		"no label between dots":    {"s..t", "a.example", "is not a selector"},
		"a dot at the end":         {"s", "a.example.", "is not a domain"},
		"a dot at the begin":       {"s", ".a.example", "is not a domain"},
		"nothing":                  {"", "a.example", "is not a selector"},
		"no domain":                {"s", "", "is not a domain"},
		"together just short":      {strings.Repeat("s", 253-191-len("._domainkey.")), long, ""},
		"together too long":        {strings.Repeat("s", 254-191-len("._domainkey.")), long, "too long"},
		"a selector with a domain": {"s.t", "a.example", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := dkim.CheckNames(c.selector, c.domain)
			_, lookup := dkim.LookupRecords(t.Context(), zone{}, c.selector, c.domain)
			require.ErrorIs(t, lookup, dkim.ErrNoRecord)
			if c.says == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.says)
		})
	}
}

// TestAuthservIDs checks that other programs read an authserv-id unchanged,
// whatever it contains.
func TestAuthservIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"mx.example.net", "mx_1-2.example", "[192.0.2.1]", "a b", "a;b", "a(b)c", `a"b`, `a\b`, "a=b", "a/b", "mx.bücher.example"} {
		value, err := dkim.FormatResults(id, []dkim.Result{{Status: dkim.StatusPass, Domain: "example.org"}})
		require.NoError(t, err)
		quoted := strings.HasPrefix(value, `"`)
		assert.Equal(t, strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "", quoted, value)
		if quoted {
			unquoted := strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(value[1:strings.LastIndex(value, `"`)])
			assert.Equal(t, id, unquoted)
			assert.Contains(t, value, `";`, "what follows is not in the quotes")
			continue
		}
		got, results, err := authres.Parse(value)
		require.NoError(t, err)
		assert.Equal(t, id, got)
		assert.Len(t, results, 1)
	}
	for _, id := range []string{"", " "} {
		_, err := dkim.FormatResults(id, nil)
		require.Error(t, err, "%q", id)
	}
}
