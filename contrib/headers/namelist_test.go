package headers_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
)

// nameListTests are actions on the fields of several names.
func nameListTests() map[string]actionTest {
	return map[string]actionTest{
		"delete":             {"delete: [A, c, X-*]", "A: 1\nB: 2\nC: 3\na: 4\nX-Y: 5\n", "B: 2\n"},
		"delete in long":     {"delete: {name: [A, B], match: ^1, which: last}", "A: 1\nB: 11\nA: 12\nB: 2\n", "A: 1\nB: 2\n"},
		"rename":             {"rename: {name: [A, B], to: X}", "A: 1\nC: 2\nB: 3\n", "X: 1\nC: 2\nX: 3\n"},
		"replace":            {"replace: {name: [A, B], value: '<{{ .Value }}>'}", "A: 1\nB: 2\nC: 3\n", "A: <1>\nB: <2>\nC: 3\n"},
		"replace or add":     {"replace: {name: [A, B], value: x, or_add: true}", "A: 1\n", "A: x\nB: x\n"},
		"prefix":             {"prefix: {text: '[t] ', name: [A, B]}", "A: 1\nB: 2\n", "A: [t] 1\nB: [t] 2\n"},
		"suffix":             {"suffix: {name: [A], text: ' (t)'}", "A: 1\nB: 2\n", "A: 1 (t)\nB: 2\n"},
		"fold":               {"fold: [A, B]", "A: " + strings.Repeat("word ", 20) + "x\nB: 1\n", "A: " + strings.Repeat("word ", 14) + "word\n" + strings.Repeat(" word", 5) + " x\nB: 1\n"},
		"unfold":             {"unfold: {name: [A, B], which: last}", "A: 1\n 2\nB: 3\n 4\nA: 5\n 6\n", "A: 1\n 2\nB: 3 4\nA: 5 6\n"},
		"limit":              {"limit: {name: [A, B], max: 1}", "A: 1\nB: 2\nA: 3\nC: 4\nC: 5\nB: 6\n", "A: 1\nB: 2\nC: 4\nC: 5\n"},
		"a list of one name": {"delete: [A]", "A: 1\nB: 2\n", "B: 2\n"},
	}
}

func TestNameLists(t *testing.T) {
	t.Parallel()
	for name, c := range nameListTests() {
		c.test(t, name)
	}
}

// TestFieldConditions tests lists of names, and numbers of fields, in conditions.
func TestFieldConditions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]contentTest{
		"present, of several":   {"present: [X, Y]", "Y: 1\n", "Z: 1\n"},
		"not present":           {"not: {present: [X, Y]}", "Z: 1\n", "X: 1\n"},
		"absent, all of them":   {"absent: [X, Y]", "Z: 1\n", "Y: 1\n"},
		"not absent":            {"not: {absent: [X, Y]}", "Y: 1\n", "Z: 1\n"},
		"absent and more":       {"absent: [X, Y], present: Z", "Z: 1\n", "Y: 1\nZ: 1\n"},
		"matches one":           {"matches: {name: [X, Y], match: ^1$}", "X: 2\nY: 1\n", "X: 2\nZ: 1\n"},
		"present, the third":    {"present: {name: X, which: 3}", "X: 1\nx: 2\nX: 3\n", "X: 1\nY: 2\nX: 3\n"},
		"present, from below":   {"present: {name: X, which: -2}", "X: 1\nX: 2\n", "X: 1\n"},
		"not the second":        {"present: X, not: {present: {name: X, which: 2}}", "X: 1\n", "X: 1\nX: 2\n"},
		"third of each":         {"present: {name: [X, Y], which: 2}", "Y: 1\nY: 2\n", "X: 1\nY: 2\n"},
		"matches first":         {"matches: {name: X, match: ^1$, which: first}", "X: 1\nX: 2\n", "X: 2\nX: 1\n"},
		"matches last":          {"matches: {name: X, match: ^1$, which: last}", "X: 2\nX: 1\n", "X: 1\nX: 2\n"},
		"matches second":        {"matches: {name: X, match: ^1$, which: 2}", "X: 1\nX: 1\nX: 3\n", "X: 1\nX: 2\nX: 1\n"},
		"matches one too many":  {"not: {matches: {name: X, match: ^1$, which: 3}}", "X: 1\nX: 1\n", "X: 1\nX: 1\nX: 1\n"},
		"the last of a family":  {"matches: {name: X-*, match: ^1$, which: last}", "X-A: 2\nX-B: 1\n", "X-A: 1\nX-B: 2\n"},
		"every is what it says": {"matches: {name: X, match: ^1$, which: every}", "X: 2\nX: 1\n", "X: 2\n"},
	} {
		c.test(t, name)
	}
}

// TestNameListMistakes checks that a mistake in a list has its place, and that one that
// concerns all names is reported once.
func TestNameListMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		doing("delete: [A, a b]"):                                           `x.yaml:3:17: rule 1: Delete: Name: "a b" is not a valid field name; write printable ASCII characters without space and colon`,
		doing("delete: [A, B, a]"):                                          `x.yaml:3:20: "a" is twice in the list`,
		doing("delete: []"):                                                 `x.yaml:3:13: the list is empty`,
		doing("delete: [A, [B]]"):                                           `x.yaml:3:17: want a text, got a list`,
		doing("delete: [A, {name: B}]"):                                     `x.yaml:3:17: want a text, got a mapping`,
		doing("delete: {name: [A, B], match: '('}"):                         `x.yaml:3:35: rule 1: Delete: Match: error parsing regexp`,
		doing("delete: {name: [A, B], wihch: last}"):                        `x.yaml:3:28: unknown key "wihch" (did you mean which?); want decoded, match, name, which`,
		doing("delete: {name: A, name: [A, B]}"):                            `x.yaml:3:23: duplicate key "name"`,
		doing("prefix: {name: [A, X-*], text: x, or_add: true}"):            `one field name is needed here`,
		doing("add: {name: [A, B], value: x}"):                              `x.yaml:3:17: want a text, got a list`,
		whenever("absent: {name: [A, B]}"):                                  `want a text, got a mapping`,
		whenever("present: {name: X, which: 0}"):                            `want every, first, last, or a whole number other than 0`,
		whenever("absent: [A, B], present: b"):                              `b cannot be both present and absent`,
		whenever("present: {name: X, which: 2}, absent: X"):                 `X cannot be both present and absent`,
		whenever("duplicated: X, matches: {name: X, match: '(', which: 2}"): `Match: `,
	} {
		_, err := headers.Parse("x.yaml", []byte(text))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
		assert.Len(t, unjoined(err), 1, text)
	}
}

// unjoined returns the mistakes of an error.
func unjoined(err error) []error {
	var list interface{ Unwrap() []error }
	if errors.As(err, &list) {
		return list.Unwrap()
	}
	return []error{err}
}
