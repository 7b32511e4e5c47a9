package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	playground "github.com/sluicemail/sluice/examples/playground"
)

// crlf joins lines to a message with CRLF line ends.
func crlf(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n") }

// numbered returns lines that contain the numbers of a range.
func numbered(from, to int) (lines []string) {
	for i := from; i <= to; i++ {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	return lines
}

func TestDiff(t *testing.T) {
	t.Parallel()
	head := []string{"A: 1", ""}
	body := append(head, numbered(1, 20)...)
	tests := map[string]struct {
		before, after []string
		want          []playground.Hunk
	}{
		"equal": {body, body, nil},
		"header and all": {[]string{"A: 1", "B: 2", "", "x"}, []string{"A: 0", "B: 2", "C: 3", "", "y"}, []playground.Hunk{
			{Part: "header", Line: 1, Lines: []string{"-A: 1", "+A: 0", " B: 2", "+C: 3"}},
			{Part: "body", Line: 1, Lines: []string{"-x", "+y"}},
		}},
		"far apart": {body, append(append(append([]string{"A: 1", "", "new"}, numbered(2, 14)...), "and"), numbered(15, 20)...), []playground.Hunk{
			{Part: "body", Line: 1, Lines: []string{"-line 1", "+new", " line 2", " line 3", " line 4"}},
			{Part: "body", Line: 12, Lines: []string{" line 12", " line 13", " line 14", "+and", " line 15", " line 16", " line 17"}},
		}},
		"contexts that touch": {body, append(append([]string{"A: 1", "", "new"}, numbered(2, 7)...), numbered(9, 20)...), []playground.Hunk{
			{Part: "body", Line: 1, Lines: []string{
				"-line 1", "+new", " line 2", " line 3", " line 4", " line 5", " line 6", " line 7", "-line 8", " line 9", " line 10", " line 11",
			}},
		}},
		"nothing left":    {append(head, "x"), head, []playground.Hunk{{Part: "body", Line: 1, Lines: []string{"-x"}}}},
		"the end is new":  {append(head, "x"), append(head, "x", "y"), []playground.Hunk{{Part: "body", Line: 1, Lines: []string{" x", "+y"}}}},
		"the first field": {append(head, "x"), append([]string{"Z: 9"}, append(head, "x")...), []playground.Hunk{{Part: "header", Line: 1, Lines: []string{"+Z: 9", " A: 1"}}}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, playground.DiffMessages(crlf(c.before...), crlf(c.after...)))
		})
	}
}

// TestDiffOfLargeBodies shows that a large difference is not compared line by
// line.
func TestDiffOfLargeBodies(t *testing.T) {
	t.Parallel()
	before := append([]string{"A: 1", ""}, numbered(1, 100_000)...)
	after := append([]string{"A: 1", "", "line 1"}, numbered(200_000, 300_000)...)
	hunks := playground.DiffMessages(crlf(before...), crlf(after...))
	assert.Len(t, hunks, 1)
	assert.Equal(t, []string{" line 1", "-line 2"}, hunks[0].Lines[:2])
	assert.Len(t, hunks[0].Lines, 1+99_999+100_001)
}
