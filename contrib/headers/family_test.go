package headers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
	"github.com/sluicemail/sluice/framework/miltertest/testproc"
	"github.com/sluicemail/sluice/wire/mta"
)

// TestFamilies uses names that end in -* for all fields whose name begins so.
func TestFamilies(t *testing.T) {
	t.Parallel()
	const spam = "X-Spam-Flag: NO\nA: 1\nx-spam-status: No\nX-Spam: 2\nX-Spam-: 3\nX-SPAM-Custom: 4\n"
	tests := map[string]struct{ do, header, want string }{
		"delete":                {"delete: X-Spam-*", spam, "A: 1\nX-Spam: 2\n"},
		"delete, case":          {"delete: x-SPAM-*", spam, "A: 1\nX-Spam: 2\n"},
		"delete none":           {"delete: X-Ham-*", spam, spam},
		"delete first":          {"delete: {name: X-Spam-*, which: first}", spam, strings.TrimPrefix(spam, "X-Spam-Flag: NO\n")},
		"delete last":           {"delete: {name: X-Spam-*, which: last}", spam, strings.TrimSuffix(spam, "X-SPAM-Custom: 4\n")},
		"delete matching":       {"delete: {name: X-Spam-*, match: '(?i)^no'}", spam, "A: 1\nX-Spam: 2\nX-Spam-: 3\nX-SPAM-Custom: 4\n"},
		"strip":                 {"strip: {names: [A, X-Spam-*]}", spam, "X-Spam: 2\n"},
		"limit":                 {"limit: {name: X-Spam-*, max: 2}", spam, "X-Spam-Flag: NO\nA: 1\nx-spam-status: No\nX-Spam: 2\n"},
		"limit bottom":          {"limit: {name: X-Spam-*, max: 1, bottom: true}", spam, "A: 1\nX-Spam: 2\nX-SPAM-Custom: 4\n"},
		"rename":                {"rename: {name: X-Spam-*, to: X-Old-*}", spam, "X-Old-Flag: NO\nA: 1\nX-Old-status: No\nX-Spam: 2\nX-Old-: 3\nX-Old-Custom: 4\n"},
		"rename to a family in": {"rename: {name: X-Spam-*, to: X-Spam-Old-*, which: last}", spam, strings.Replace(spam, "X-SPAM-Custom", "X-Spam-Old-Custom", 1)},
		"replace":               {"replace: {name: X-Spam-*, value: '{{ .Value }}!'}", spam, "X-Spam-Flag: NO!\nA: 1\nx-spam-status: No!\nX-Spam: 2\nX-Spam-: 3!\nX-SPAM-Custom: 4!\n"},
		"prefix":                {"prefix: {name: X-Spam-*, text: 'x ', match: '[34]'}", spam, "X-Spam-Flag: NO\nA: 1\nx-spam-status: No\nX-Spam: 2\nX-Spam-: x 3\nX-SPAM-Custom: x 4\n"},
		"suffix":                {"suffix: {name: X-Spam-*, text: ' x', which: first}", spam, strings.Replace(spam, "NO", "NO x", 1)},
		"unfold":                {"unfold: X-Spam-*", "X-Spam-A: 1\n 2\nB: 1\n 2\n", "X-Spam-A: 1 2\nB: 1\n 2\n"},
		"fold":                  {"fold: X-Spam-*", "X-Spam-A: 1\n", "X-Spam-A: 1\n"},
		"own after the others":  {"{delete: X-Spam-*}\n  - {add: {name: X-Spam-Own, value: y}}\n  - {insert: {name: X-Spam-Top, value: z}}", spam, "X-Spam-Top: z\nA: 1\nX-Spam: 2\nX-Spam-Own: y\n"},
		"added, then deleted":   {"{add: {name: X-Spam-Own, value: y}}\n  - {delete: X-Spam-*}", spam, "A: 1\nX-Spam: 2\n"},
		"renamed into it":       {"{rename: {name: A, to: X-Spam-A}}\n  - {delete: X-Spam-*}", spam, "X-Spam: 2\n"},
		"renamed, then by name": {"{rename: {name: X-Spam-*, to: X-Old-*}}\n  - {delete: X-Old-Flag}\n  - {delete: X-Spam-*}", "X-Spam-Flag: NO\nX-Spam-B: 1\n", "X-Old-B: 1\n"},
		"two families":          {"{delete: X-*}\n  - {delete: X-Spam-*}", spam, "A: 1\n"},
	}
	for name, c := range tests {
		for flavor, option := range flavors() {
			t.Run(name+"/"+flavor, func(t *testing.T) {
				t.Parallel()
				res := miltertest.Run(t, parsed(t, "rules:\n- do:\n  - "+c.do+"\n"), miltertest.Message(c.header+"\nbody\n"), option)
				res.AssertAccepted(t)
				assert.Equal(t, c.want, headerOf(res))
			})
		}
	}
}

func TestConditionsOnFamilies(t *testing.T) {
	t.Parallel()
	for when, c := range map[string]struct{ held, failed string }{
		"{present: X-Spam-*}":                         {"x-spam-flag: YES\n", "X-Spam: YES\n"},
		"{absent: X-Spam-*}":                          {"X-Spam: 1\n", "x-spam-: NO\n"},
		"{not: {present: X-Spam-*}}":                  {"X-Spam: 1\n", "x-spam-: NO\n"},
		"{matches: {name: X-Spam-*, match: ^YES$}}":   {"X-Spam-A: NO\nX-Spam-B: YES\n", "X-Spam: YES\nX-Spam-A: NO\n"},
		"{present: X-Spam-*, absent: X-Spam-Other}":   {"X-Spam-A: YES\n", "X-Spam-Other: NO\n"},
		"{present: X-Spam-A-*, not: {absent: X-B-*}}": {"X-Spam-A-A: YES\nX-B-: 1\n", "X-Spam-A-A: NO\n"},
	} {
		filter := parsed(t, "rules: [{when: "+when+", do: [reject: it holds]}]")
		for header, want := range map[string]bool{c.held: true, c.failed: false} {
			res := miltertest.Run(t, filter, miltertest.Message(header+"\nbody\n"))
			assert.Equal(t, want, res.Reply() == "550 5.7.1 it holds", "%s %s", when, header)
		}
	}
}

// TestFamiliesOfHostileNames renames fields whose names the sender made long or odd.
func TestFamiliesOfHostileNames(t *testing.T) {
	t.Parallel()
	long := "X-Spam-" + strings.Repeat("b", 893)
	odd := []mta.Field{{Name: long, Value: " 1"}, {Name: "X-Spam-\x80", Value: " 2"}, {Name: "X-Spam- ", Value: " 3"}, {Name: "X-\u017fpam-Flag", Value: " 4"}, {Name: "X-Spam-ok", Value: " 5"}}
	msg := func() *mta.Message {
		m := miltertest.Message("\nbody\n")
		m.Header = odd
		return m
	}
	res := miltertest.Run(t, parsed(t, "rules: [{do: [rename: {name: X-Spam-*, to: X-Spam-Old-*}]}]"), msg())
	res.AssertAccepted(t)
	assert.Equal(t, long+": 1\nX-Spam-\x80: 2\nX-Spam- : 3\nX-\u017fpam-Flag: 4\nX-Spam-Old-ok: 5\n", headerOf(res))
	assert.Equal(t, 1, strings.Count(res.Logs.String(), "INFO field not renamed: new name too long"))
	res = miltertest.Run(t, parsed(t, "rules: [{do: [delete: X-Spam-*]}]"), msg())
	res.AssertAccepted(t)
	assert.Equal(t, "X-\u017fpam-Flag: 4\n", headerOf(res), "names are compared as ASCII")
}

// TestManyOfAFamily shows that the time is in proportion to the number of fields. If each
// of the 150 actions took time for each pair of fields, it would exceed the time of the
// test. No time is compared.
func TestManyOfAFamily(t *testing.T) {
	t.Parallel()
	n := 50_000
	if testproc.RaceEnabled {
		n = 10_000 // each step takes longer
	}
	var rules strings.Builder
	_, _ = rules.WriteString("rules:\n")
	for range 50 {
		_, _ = fmt.Fprintf(&rules, "- do: [{add: {name: X-Spam-Own, value: y}}, {limit: {name: X-Spam-*, max: %d}}, {delete: {name: X-Spam-*, which: last}}]\n", n)
	}
	res := miltertest.Run(t, parsed(t, rules.String()), miltertest.Message(strings.Repeat("X-Spam-A: 1\nB: 2\n", n)+"\nbody\n"),
		patient(), miltertest.Configure(func(c *framework.Config) { c.MaxHeaders = 3 * n }))
	res.AssertAccepted(t)
	assert.Equal(t, n-1, len(res.HeaderValues("X-Spam-A")), "only the first rule deletes one that the sender wrote") //nolint:testifylint // it would print all values
}

// TestReloadOfFamilies replaces rules by rules with another number of families.
func TestReloadOfFamilies(t *testing.T) {
	t.Parallel()
	f, err := headers.NewReloadable(config(t, "rules: [{do: [{delete: X-Spam-*}, {delete: X-Ham-*}]}]"))
	require.NoError(t, err)
	conn := miltertest.NewServer(t, f).Dial(t)
	msg := miltertest.Message("X-Spam-A: 1\nX-Ham-A: 2\nX-Jam-A: 3\n\nbody\n")
	assert.Equal(t, "X-Jam-A: 3\n", headerOf(conn.Run(t, msg)))
	require.NoError(t, f.Reload(config(t, "rules: [{do: [{delete: X-Jam-*}]}]")))
	assert.Equal(t, "X-Spam-A: 1\nX-Ham-A: 2\n", headerOf(conn.Run(t, msg)))
	require.NoError(t, f.Reload(config(t, "rules: [{do: [{delete: A}]}]")))
	assert.Equal(t, "X-Spam-A: 1\nX-Ham-A: 2\nX-Jam-A: 3\n", headerOf(conn.Run(t, msg)))
}
