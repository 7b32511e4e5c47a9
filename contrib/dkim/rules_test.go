package dkim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// signsFor reports whether a rule with a pattern signs for an author.
func signsFor(t *testing.T, pattern, author string) bool {
	t.Helper()
	cfg := dkim.Signing{Rules: []dkim.Rule{{
		Senders: []string{pattern}, Keys: []dkim.Key{key(t, "example.org", "s", "ed25519")}, ThirdParty: true,
	}}}
	fields, err := dkim.Sign(cfg, strings.NewReader("From: "+author+"\n\nx\n"))
	if err != nil {
		require.ErrorIs(t, err, dkim.ErrNotSigned)
	}
	return len(fields) > 0
}

// TestPatterns tests which addresses the patterns of rules match.
func TestPatterns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, author string
		want            bool
	}{
		{"*", "ann@example.org", true},
		{"*@*", "ann@example.org", true},
		{"**", "ann@example.org", true},
		{"ann@*", "Ann@example.org", true},
		{"ann@*", "joann@example.org", false},
		{"an*n@*.org", "ann@example.org", true},
		{"ann*n@*.org", "ann@example.org", false}, // the two pieces would overlap
		{"*@*.example.org", "ann@a.example.org", true},
		{"*@*.example.org", "ann@example.org", false},
		{"*@*.example.org", "ann@.a.b.example.org", false},
		{"a*b*c@example.org", "a1b2b3c@example.org", true},
		{"a*b*c@example.org", "a1c2b3@example.org", false},
		{"a*b*b@example.org", "ab@example.org", false},
		{"*@*example.*", "ann@myexample.net", true},
		{"*.example.org", "ann@b.example.org", true},
		{"*", "ann@" + strings.Repeat("a.", 121) + "example.org", true},  // 253 bytes
		{"*", "ann@" + strings.Repeat("a.", 122) + "example.org", false}, // no name in the DNS
		{".example.org", "ann@" + strings.Repeat("a.", 122) + "example.org", false},
	}
	for _, c := range tests {
		assert.Equal(t, c.want, signsFor(t, c.pattern, c.author), "%s: %s", c.pattern, c.author)
	}
}
