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

// shortTexts returns all texts of up to n of the characters, by length, without spaces at
// their ends.
func shortTexts(chars string, n int) [][]string {
	all, last := [][]string{{""}}, []string{""}
	for range n {
		var next, trimmed []string
		for _, text := range last {
			for _, c := range chars {
				next = append(next, text+string(c))
			}
		}
		for _, text := range next {
			if strings.TrimSpace(text) == text {
				trimmed = append(trimmed, text)
			}
		}
		all, last = append(all, trimmed), next
	}
	return all
}

// patternAtom is a part of a generated pattern.
type patternAtom struct {
	text  string
	needs int // so many characters of a text at most
}

// TestPatternsAreJudged compares what the rules say about generated patterns with what the
// patterns do. A pattern that matches a text at all also matches one that has what its atoms
// need, and a character more on each side. If a pattern of four atoms misses a text at all, it
// misses one of two characters.
func TestPatternsAreJudged(t *testing.T) {
	t.Parallel()
	atoms := []patternAtom{
		{"a", 1},
		{"-", 1},
		{" ", 1},
		{".", 1},
		{"[^a]", 1},
		{`\s`, 1},
		{"^", 0},
		{"$", 0},
		{`\b`, 0},
		{`\B`, 0},
		{`\n`, 1},
		{"|", 0},
		{"(", 0},
		{")", 0},
		{"*", 1},
		{"+", 1},
		{"?", 0},
		{".*", 2},
	}
	byLength := shortTexts("ab- ", 6)
	matchesOne := func(re *regexp.Regexp, length int) bool {
		return slices.ContainsFunc(byLength[:min(length, 6)+1], func(texts []string) bool {
			return slices.ContainsFunc(texts, re.MatchString)
		})
	}
	r := rand.New(rand.NewPCG(9, 17))
	never, every := 0, 0
	judged := map[string]bool{} // a short pattern is drawn often
	for range 3000 {
		pattern, needs := "", 0
		for range 1 + r.IntN(4) {
			atom := atoms[r.IntN(len(atoms))]
			pattern, needs = pattern+atom.text, needs+atom.needs
		}
		re, err := regexp.Compile(pattern)
		if err != nil || judged[pattern] {
			continue
		}
		judged[pattern] = true
		f, err := newReloadable(t, pattern)
		assert.Equal(t, !matchesOne(re, needs+2), err != nil, "%s: %v", pattern, err)
		if err != nil {
			assert.ErrorContains(t, err, "can never match", pattern)
			never++
			continue
		}
		if len(f.Warnings()) > 0 && strings.Contains(f.Warnings()[0].Error(), "matches every text") {
			for _, text := range slices.Concat(byLength[:4]...) {
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
