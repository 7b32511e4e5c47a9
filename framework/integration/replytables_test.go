//go:build integration

package integration_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// replies is what a server replied, by the stage and the verdict.
type replies struct {
	name  string // of the server
	mta   realmta.MTA
	cells map[string]string
}

// The table usualReplies shows the replies of the servers of Debian 12. The table
// "replies-postfix-3.10.md" shows the replies of that version, and of later ones
// without a table, that differ from those.
const usualReplies = "replies.md"

// column is the number of a server's column in usualReplies, which has the stage and
// the verdict before.
func (r *replies) column() int { return map[string]int{"postfix": 2, "sendmail": 3}[r.name] }

// title is how a table names a server, with the first two numbers of its version.
func (r *replies) title() string {
	parts := strings.SplitN(r.mta.Version(), ".", 3)
	return strings.ToUpper(r.name[:1]) + r.name[1:] + " " + strings.Join(parts[:min(2, len(parts))], ".")
}

// compare compares the replies with the table of the server's version.
func (r *replies) compare(t *testing.T) {
	t.Helper()
	usual, want := readReplies(t, usualReplies, r.column()), r.expected(t)
	assert.Equal(t, replyTable(want), replyTable(r.cells), "%s: run with -update, and read the difference", r.title())
	different := 0
	for key, cell := range r.cells {
		if cell != usual[key] {
			different++
		}
	}
	counts.Add(t, different, "integration: replies that differ from bookworm's, "+r.name)
}

// expected returns the replies that the tables show for the server's version.
func (r *replies) expected(t *testing.T) map[string]string {
	t.Helper()
	cells := readReplies(t, usualReplies, r.column())
	if table := r.table(t); table != "" {
		maps.Copy(cells, readReplies(t, table, 2))
	}
	return cells
}

// table returns the table of differences of the server's version: the one of the
// latest version that is not later, or "" if there is none.
func (r *replies) table(t *testing.T) string {
	t.Helper()
	prefix := "replies-" + r.name + "-"
	files, err := filepath.Glob(filepath.Join("testdata", prefix+"*.md"))
	require.NoError(t, err)
	version := func(file string) string {
		return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), prefix), ".md")
	}
	files = slices.DeleteFunc(files, func(file string) bool { return !realmta.AtLeast(r.mta, version(file)) })
	if len(files) == 0 {
		return ""
	}
	return filepath.Base(slices.MaxFunc(files, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(version(a)), len(version(b))), strings.Compare(a, b)) // 3.9 before 3.10
	}))
}

// updateReplies writes the tables anew: usualReplies for the servers of Debian 12,
// and what differs for others.
func updateReplies(t *testing.T, shown map[string]*replies) {
	t.Helper()
	postfix, sendmail := shown["postfix"], shown["sendmail"]
	if !realmta.AtLeast(postfix.mta, "3.8") && !realmta.AtLeast(sendmail.mta, "8.18") {
		writeReplies(t, usualReplies, replyTable(postfix.cells, sendmail.cells), "Postfix", "Sendmail")
		return
	}
	for _, r := range shown {
		usual, differences := readReplies(t, usualReplies, r.column()), map[string]string{}
		for key, cell := range r.cells {
			if cell != usual[key] {
				differences[key] = cell
			}
		}
		if replyTable(r.expected(t)) != replyTable(r.cells) {
			file := strings.ToLower(strings.ReplaceAll("replies "+r.title()+".md", " ", "-"))
			writeReplies(t, file, replyTable(differences), r.title())
		}
	}
}

// replyTable returns the lines of a table: those rows that the first column has.
func replyTable(columns ...map[string]string) string {
	var b strings.Builder
	for _, r := range rows() {
		if _, ok := columns[0][r.key()]; !ok {
			continue
		}
		b.WriteString("| " + r.key())
		for _, cells := range columns {
			b.WriteString(" | " + cells[r.key()])
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

func writeReplies(t *testing.T, file, lines string, titles ...string) {
	t.Helper()
	head := fmt.Sprintf("| at | verdict | %s |\n|---|---%s|\n", strings.Join(titles, " | "), strings.Repeat("|---", len(titles)))
	require.NoError(t, os.WriteFile(filepath.Join("testdata", file), []byte(head+lines), 0o600))
}

// readReplies returns a column of a table.
func readReplies(t *testing.T, file string, column int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	cells := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[2:] {
		row := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | ")
		require.Greater(t, len(row), column, line)
		cells[row[0]+" | "+row[1]] = row[column]
	}
	return cells
}
