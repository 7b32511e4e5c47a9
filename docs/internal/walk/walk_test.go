package walk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
)

// page returns the blocks of a page with the given lines. ~~~ stands for the
// fence.
func page(lines ...string) []walk.Block {
	return walk.Parse(strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "~~~", "```"))
}

func TestParse(t *testing.T) {
	t.Parallel()
	blocks := page(
		"Save this as `a/b.txt`:", "", "~~~text", "one", "", "two", "~~~",
		"And `/etc/passwd`:", "~~~text", "root", "~~~",
		"As `c.go`:", "<!-- same as d/c.go -->", "~~~go", "package c", "~~~",
		"`x`:", "<!-- not run: no time -->", "", "~~~console", "$ x", "~~~",
	)
	assert.Equal(t, []walk.Block{
		{Lang: "text", File: "a/b.txt", Text: "one\n\ntwo\n", Line: 3},
		{Lang: "text", Text: "root\n", Line: 9},
		{Lang: "go", File: "c.go", Note: "same as d/c.go", Text: "package c\n", Line: 14},
		{Lang: "console", Note: "not run: no time", Text: "$ x\n", Line: 20},
	}, blocks)
	original, ok := blocks[2].SameAs()
	assert.True(t, ok)
	assert.Equal(t, "d/c.go", original)
	reason, ok := blocks[3].NotRun()
	assert.True(t, ok)
	assert.Equal(t, "no time", reason)
}

func TestWalk(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lines []string
		want  string // in the error; "" for none
	}{
		"output":              {lines: []string{"$ echo a; echo b", "a", "b"}},
		"no output shown":     {lines: []string{"$ echo a"}},
		"other output":        {lines: []string{"$ echo a", "b"}, want: "page shows\nb"},
		"more output":         {lines: []string{"$ echo a; echo b", "a"}, want: "page shows"},
		"less output":         {lines: []string{"$ echo a", "a", "b"}, want: "page shows"},
		"standard error":      {lines: []string{"$ echo a >&2", "a"}},
		"blanks":              {lines: []string{"$ printf 'a\\t b  \\n\\n'", "a b"}},
		"within a line":       {lines: []string{"$ echo took 12ms.", "took …ms."}},
		"not over lines":      {lines: []string{"$ echo a; echo b", "a…b"}, want: "page shows"},
		"lines left out":      {lines: []string{"$ seq 9", "1", "…", "9"}},
		"no line left out":    {lines: []string{"$ seq 2", "1", "…", "2"}},
		"nothing is special":  {lines: []string{"$ echo abc", "a.c"}, want: "page shows"},
		"continued":           {lines: []string{"$ echo a \\", "  b", "a b"}},
		"several":             {lines: []string{"$ echo a", "a", "$ echo b", "c"}, want: "echo b: page shows"},
		"failure":             {lines: []string{"$ false"}, want: "exit status 1"},
		"in another place":    {lines: []string{"$ mkdir x && cd x", "$ basename $PWD", "x"}},
		"a failure and no cd": {lines: []string{"$ cd nowhere"}, want: "cd nowhere: exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := append(append([]string{"~~~console"}, tc.lines...), "~~~")
			err := walk.Walk(t.Context(), page(lines...), walk.Options{Dir: t.TempDir()})
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			assert.ErrorContains(t, err, "line 1: ")
		})
	}
}

func TestSpecialBlocks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		note, command string
		with          []string
		want          string
	}{
		"not run":            {note: "not run: why", command: "false"},
		"no Postfix":         {note: "with Postfix", command: "false"},
		"Postfix":            {note: "with Postfix", command: "false", with: []string{"Redis", "Postfix"}, want: "exit status 1"},
		"two words":          {note: "with Postfix, fails", command: "false", with: []string{"Postfix"}},
		"fails":              {note: "fails", command: "false"},
		"does not fail":      {note: "fails", command: "true", want: "command did not fail"},
		"terminal that ends": {note: "terminal one", command: "echo a; false\nb", want: "command ended; its output:\na"},
		"two in a terminal":  {note: "terminal one", command: "true\n$ true", want: "2 commands for one terminal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blocks := page("<!-- "+tc.note+" -->", "~~~console", "$ "+tc.command, "~~~")
			err := walk.Walk(t.Context(), blocks, walk.Options{Dir: t.TempDir(), With: tc.with})
			if tc.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

// A block that is marked as such runs in the repository's directory. The
// reader's current directory stays the same.
func TestInTheRepository(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sluice"), 0o750))
	blocks := page("~~~console", "$ mkdir x; cd x", "~~~", "<!-- in the repository -->", "~~~console", "$ basename $PWD",
		"sluice", "~~~", "~~~console", "$ basename $PWD", "x", "~~~")
	require.NoError(t, walk.Walk(t.Context(), blocks, walk.Options{Dir: dir}))
}

// A command in a named terminal keeps running for the next blocks and ends
// after the last one.
func TestTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := []string{
		"<!-- terminal one -->", "~~~console", "$ trap 'echo bye >>said; exit' INT; echo ready; while sleep 0.02; do :; done",
		"ready", "~~~",
	}
	lines := append([]string{"As `hello`:", "~~~text", "hello", "~~~"}, start...)
	lines = append(lines, "~~~console", "$ cat hello", "hello", "$ test ! -e said", "~~~")
	lines = append(lines, start...)
	lines = append(lines, "~~~console", "$ cat said", "bye", "~~~")
	require.NoError(t, walk.Walk(t.Context(), page(lines...), walk.Options{Dir: dir}))
	said, err := os.ReadFile(filepath.Join(dir, "said"))
	require.NoError(t, err)
	assert.Equal(t, "bye\nbye\n", string(said))
}

func TestModule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, walk.Module("../../..", dir))
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	assert.Contains(t, string(mod), "replace github.com/sluicemail/sluice => \""+root+"\"\n")
	assert.NotContains(t, string(mod), "module github.com/")
	require.Error(t, walk.Module(dir+"/nowhere", dir))
}
