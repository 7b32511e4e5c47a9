package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// joinTests are messages whose fields are joined.
func joinTests() map[string]actionTest {
	const long = "\"A long name of a person\" <an.address@example.org>"
	return map[string]actionTest{
		"join two":            {"join: To", "A: 1\nTo: a@b.c\nB: 2\nto: D <d@e.f>\n", "A: 1\nTo: a@b.c, D <d@e.f>\nB: 2\n"},
		"join three":          {"join: Cc", "Cc: a@b.c\nCc: d@e.f\nTo: x@y.z\nCC: g@h.i\n", "Cc: a@b.c, d@e.f, g@h.i\nTo: x@y.z\n"},
		"join one":            {"join: To", "To: a@b.c,d@e.f\nCc: g@h.i\n", "To: a@b.c,d@e.f\nCc: g@h.i\n"},
		"join none":           {"join: To", "Cc: g@h.i\n", "Cc: g@h.i\n"},
		"join a list":         {"join: [To, Cc]", "To: a@b.c\nCc: d@e.f\nTo: g@h.i\nCc: j@k.l\n", "To: a@b.c, g@h.i\nCc: d@e.f, j@k.l\n"},
		"join with commas":    {"join: To", "To: a@b.c,\nTo: , d@e.f\n", "To: a@b.c, d@e.f\n"},
		"join an empty one":   {"join: To", "To: \nTo: d@e.f\n", "To: d@e.f\n"},
		"join empty ones":     {"join: To", "To: ,\nTo: \n", "To: ,\n"},
		"join groups":         {"join: To", "To: g: a@b.c, x@y.z;\nTo: d@e.f (c)\n", "To: g: a@b.c, x@y.z;, d@e.f (c)\n"},
		"join names":          {"join: Reply-To", "Reply-To: =?utf-8?q?=C3=84?= <a@b.c>\nReply-To: \"x, y\" <d@e.f>\n", "Reply-To: =?utf-8?q?=C3=84?= <a@b.c>, \"x, y\" <d@e.f>\n"},
		"join folded":         {"join: To", "To: a@b.c,\n d@e.f\nTo: g@h.i\n", "To: a@b.c, d@e.f, g@h.i\n"},
		"join, then fold":     {"join: To", "To: " + long + "\nTo: " + long + "\n", "To: " + long + ",\n " + long + "\n"},
		"join sloppy names":   {"join: To", "To: Mr. A. <a@b.c>\nTo: b [x] <d@e.f>\n", "To: Mr. A. <a@b.c>, b [x] <d@e.f>\n"},
		"not an open quote":   {"join: To", "To: \"a <a@b.c>\nTo: b\" <d@e.f>\n", "To: \"a <a@b.c>\nTo: b\" <d@e.f>\n"},
		"not an open comment": {"join: To", "To: a@b.c (x\nTo: d@e.f )\n", "To: a@b.c (x\nTo: d@e.f )\n"},
		"not an open bracket": {"join: To", "To: <a@b.c\nTo: d@e.f>\n", "To: <a@b.c\nTo: d@e.f>\n"},
		"join an open group":  {"join: To", "To: g: a@b.c\nTo: d@e.f\n", "To: g: a@b.c, d@e.f\n"},
		"not words":           {"join: To", "To: two words\nTo: d@e.f\n", "To: two words\nTo: d@e.f\n"},
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	for name, c := range joinTests() {
		c.test(t, name)
	}
}

// TestJoinTooLong leaves fields that would become longer than the protocol allows.
func TestJoinTooLong(t *testing.T) {
	t.Parallel()
	to := "To: " + strings.TrimSuffix(strings.Repeat("address@example.org,\n ", 1800), ",\n ") + "\n"
	res := miltertest.Run(t, parsed(t, "rules: [{do: [join: To]}]"), miltertest.Message(to+to+"\nbody\n"))
	res.AssertUnmodified(t)
}

func TestJoinMistakes(t *testing.T) {
	t.Parallel()
	for do, want := range map[string]string{
		"join: From":       `x.yaml:3:11: rule 1: Join: Name: "From" cannot be joined; want To, Cc, Bcc or Reply-To`,
		"join: [To, X-*]":  `x.yaml:3:16: rule 1: Join: Name: "X-*" cannot be joined`,
		"join: [To, to]":   `x.yaml:3:16: "to" is twice in the list`,
		"join: {name: To}": "want a text, got a mapping",
	} {
		_, err := headers.Parse("x.yaml", []byte(doing(do)))
		require.Error(t, err, do)
		assert.Contains(t, err.Error(), want)
	}
}
