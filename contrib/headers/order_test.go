package headers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest"
)

// numbered returns a header with n fields of a name and some other fields
// between them.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		_, _ = fmt.Fprintf(&b, "%s: %d\n", []string{"A", "a"}[i%2], i+1)
		if i%3 == 0 {
			_, _ = fmt.Fprintf(&b, "B: %d\n", i)
		}
	}
	return b.String()
}

// TestEachOfMany deletes, changes and renames each field of many, counted from
// the top and from the bottom.
func TestEachOfMany(t *testing.T) {
	t.Parallel()
	const n = 7
	for do, edited := range map[string]string{
		"delete: {name: A, which: %d}":             "",
		"replace: {name: A, value: x, which: %d}":  "$1: x\n",
		"rename: {name: A, to: B, which: %d}":      "B: $2\n",
		"prefix: {name: A, text: 'p:', which: %d}": "$1: p:$2\n",
		"delete: {name: a, which: %d, match: '.'}": "",
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			for which := -n - 1; which <= n+1; which++ {
				at := which
				if which < 0 {
					at = n + 1 + which
				}
				if which == 0 {
					continue
				}
				want := numbered(n)
				if at >= 1 && at <= n {
					name := []string{"a", "A"}[at%2]
					line := fmt.Sprintf("%s: %d\n", name, at)
					want = strings.Replace(want, line, strings.NewReplacer("$1", name, "$2", fmt.Sprint(at)).Replace(edited), 1)
				}
				filter := parsed(t, "rules: [{do: ["+fmt.Sprintf(do, which)+"]}]")
				for flavor, option := range flavors() {
					assert.Equal(t, want, headerOf(miltertest.Run(t, filter, miltertest.Message(numbered(n)+"\nbody\n"), option)), "%s %d", flavor, which)
				}
			}
		})
	}
}

// TestOneFieldManyRules checks that rules edit the same field in their order.
// Any other order gives another result.
func TestOneFieldManyRules(t *testing.T) {
	t.Parallel()
	steps := []string{
		"{prefix: {name: S, text: 'p:'}}",
		"{suffix: {name: S, text: ':s'}}",
		"{replace: {name: S, value: '<{{ .Value }}>'}}",
		"{replace: {name: S, value: '{{ .Value }}{{ .Value | upper }}'}}",
	}
	apply := []func(string) string{
		func(v string) string { return map[bool]string{true: v, false: "p:" + v}[strings.Contains(v, "p")] },
		func(v string) string { return map[bool]string{true: v, false: v + ":s"}[strings.Contains(v, "s")] },
		func(v string) string { return "<" + v + ">" },
		func(v string) string { return v + strings.ToUpper(v) },
	}
	results := make(map[string]bool)
	for _, order := range permutations(len(steps)) {
		text, want := "rules:\n", "v"
		for _, i := range order {
			text, want = text+"- do: ["+steps[i]+"]\n", apply[i](want)
		}
		for flavor, option := range flavors() {
			got := miltertest.Run(t, parsed(t, text), miltertest.Message("S: v\n\nbody\n"), option).Header("S")
			assert.Equal(t, want, got, "%s %v", flavor, order)
		}
		results[want] = true
	}
	assert.Greater(t, len(results), 15, "the order shows")
}

func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(p), at, n-1))
		}
	}
	return all
}

// TestRenameOntoAnother renames a field to a name that other fields have. The
// rules after it must see all these fields in the order of the header.
func TestRenameOntoAnother(t *testing.T) {
	t.Parallel()
	for flavor, option := range flavors() {
		for do, want := range map[string]string{
			"":                                         "B: 1\nB: 2\nC: 3\nB: 4\nB: 5\n",
			"{delete: {name: B, which: 1}}":            "B: 2\nC: 3\nB: 4\nB: 5\n",
			"{delete: {name: B, which: 3}}":            "B: 1\nB: 2\nC: 3\nB: 5\n",
			"{delete: {name: B, which: -1}}":           "B: 1\nB: 2\nC: 3\nB: 4\n",
			"{limit: {name: B, max: 2}}":               "B: 1\nB: 2\nC: 3\n",
			"{limit: {name: B, max: 1, bottom: true}}": "C: 3\nB: 5\n",
			"{rename: {name: B, to: A, which: 2}}":     "B: 1\nA: 2\nC: 3\nB: 4\nB: 5\n",
			"{rename: {name: B, to: C}}, {delete: {name: C, which: 3}}": "C: 1\nC: 2\nC: 4\nC: 5\n",
		} {
			text := "rules: [{do: [{rename: {name: A, to: B}}]}"
			if do != "" {
				text += ", {do: [" + do + "]}"
			}
			res := miltertest.Run(t, parsed(t, text+"]"), miltertest.Message("A: 1\nB: 2\nC: 3\nA: 4\nB: 5\n\nbody\n"), option)
			assert.Equal(t, want, headerOf(res), "%s %s", flavor, do)
		}
	}
}

// TestValueIsOfTheFieldEdited checks that {{ .Value }} is empty unless a field
// is edited, even after earlier edits.
func TestValueIsOfTheFieldEdited(t *testing.T) {
	t.Parallel()
	for _, before := range []string{
		"reply_to: new@example.org", "replace: {name: Reply-To, value: x}", "prefix: {name: Subject, text: x}", "delete: Reply-To", "rename: {name: Reply-To, to: Y}",
	} {
		filter := parsed(t, "rules: [{do: [{"+before+"}, {replace: {name: X, value: '[{{ .Value }}]', or_add: true}}]}]")
		res := miltertest.Run(t, filter, miltertest.Message("Reply-To: secret@example.org\n\nbody\n"))
		assert.Equal(t, "[]", res.Header("X"), before)
	}
}

// TestTooManyEdits checks that a message with too many edits for an MTA is
// permanently rejected. It must not pass with only a part of the edits.
func TestTooManyEdits(t *testing.T) {
	t.Parallel()
	filter := parsed(t, "rules: [{do: [{rename: {name: A, to: B}}, {add: {name: X, value: x}}]}]")
	conn := miltertest.NewServer(t, filter).Dial(t)
	res := conn.Run(t, miltertest.Message(strings.Repeat("A: 1\n", 5001)+"\nbody\n"))
	assert.Equal(t, "554 5.3.4", res.Reply()[:9])
	assert.Empty(t, res.Modifications)
	limited := parsed(t, "rules: [{do: [{limit: {name: A, max: 9}}, {rename: {name: A, to: B}}, {add: {name: X, value: x}}]}]")
	res = miltertest.Run(t, limited, miltertest.Message(strings.Repeat("A: 1\n", 5001)+"\nbody\n"))
	res.AssertAccepted(t)
	assert.Equal(t, strings.Repeat("B: 1\n", 9)+"X: x\n", headerOf(res))
}

// TestGroupsOfTheRule checks that a rule sees only the matches of its own
// patterns. It must not see matches of earlier rules, of a rule that did not
// hold, or of the patterns of strip.
func TestGroupsOfTheRule(t *testing.T) {
	t.Parallel()
	const show = "{add: {name: X, value: '[{{ .Match 0 }}{{ .Group \"g\" }}]'}}"
	for text, want := range map[string]string{
		"{when: {matches: {name: S, match: '(?P<g>.+)'}}, do: [{delete: B}]}, {do: [{delete: {name: S, match: '(?P<g>x)'}}, " + show + "]}":                                            "[]",
		"{when: {matches: {name: S, match: '(?P<g>.+)'}, present: Q}, do: [" + show + "]}, {when: {any: [{present: B}, {matches: {name: B, match: '(?P<g>b)'}}]}, do: [" + show + "]}": "[]",
		"{do: [{delete: {name: B, match: '(?P<g>.+)'}}, " + show + "]}":                                                                                                                "[bb]",
		"{when: {matches: {name: S, match: '(?P<g>.+)'}}, do: [{strip: {received: '(?P<g>by).*'}}, " + show + "]}":                                                                     "[ss]",
		"{when: {any: [{matches: {name: S, match: x}}, {matches: {name: B, match: '(?P<g>.)'}}]}, do: [" + show + "]}":                                                                 "[bb]",
		"{when: {any: [{not: {matches: {name: S, match: x}}}, {matches: {name: S, match: '(?P<g>.)'}}]}, do: [" + show + "]}":                                                          "[]",
		"{when: {matches: {name: S, match: '(?P<g>.)'}}, do: [{replace: {name: B, value: y, match: 'x', or_add: true}}, " + show + "]}":                                                "[ss]",
	} {
		res := miltertest.Run(t, parsed(t, "rules: ["+text+"]"), miltertest.Message("Received: from a by b\nS: s\nB: b\n\nbody\n"))
		assert.Equal(t, want, res.Header("X"), text)
	}
}
