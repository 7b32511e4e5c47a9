package headers_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/headers"
)

// shortTexts returns all texts of up to n of the characters, without spaces at their ends.
func shortTexts(chars string, n int) []string {
	all, last := []string{""}, []string{""}
	for range n {
		var next []string
		for _, text := range last {
			for _, c := range chars {
				next = append(next, text+string(c))
			}
		}
		all, last = append(all, next...), next
	}
	return slices.DeleteFunc(all, func(text string) bool { return strings.TrimSpace(text) != text })
}

// TestPatternsAreJudged compares what the rules say about generated patterns with what the
// patterns do.
func TestPatternsAreJudged(t *testing.T) {
	t.Parallel()
	atoms := []string{"a", "-", " ", ".", "[^a]", `\s`, "^", "$", `\b`, `\B`, `\n`, "|", "(", ")", "*", "+", "?", ".*"}
	texts := shortTexts("ab- ", 6)
	r := rand.New(rand.NewPCG(9, 17))
	never, every := 0, 0
	judged := map[string]bool{} // a short pattern is drawn often
	for range 3000 {
		pattern := ""
		for range 1 + r.IntN(4) {
			pattern += atoms[r.IntN(len(atoms))]
		}
		re, err := regexp.Compile(pattern)
		if err != nil || judged[pattern] {
			continue
		}
		judged[pattern] = true
		f, err := newReloadable(t, pattern)
		assert.Equal(t, !slices.ContainsFunc(texts, re.MatchString), err != nil, "%s: %v", pattern, err)
		if err != nil {
			assert.ErrorContains(t, err, "can never match", pattern)
			never++
			continue
		}
		if len(f.Warnings()) > 0 && strings.Contains(f.Warnings()[0].Error(), "matches every text") {
			for _, text := range texts {
				require.True(t, re.MatchString(text), "%s: %q", pattern, text)
			}
			every++
		}
	}
	assert.Greater(t, never, 100)
	assert.Greater(t, every, 100)
}

func newReloadable(t *testing.T, pattern string) (*headers.Reloadable, error) {
	t.Helper()
	return headers.NewReloadable(headers.Config{Rules: []headers.Rule{{
		Do: []headers.Action{headers.Delete{Name: "X", Match: pattern}},
	}}})
}

// TestLargePatterns checks that a pattern that would cost much to judge is not judged.
func TestLargePatterns(t *testing.T) {
	t.Parallel()
	_, err := newReloadable(t, "^$a")
	require.ErrorContains(t, err, "can never match")
	_, err = newReloadable(t, strings.Repeat(`(x|\pL){99}`, 99)+"$a")
	require.NoError(t, err)
}
