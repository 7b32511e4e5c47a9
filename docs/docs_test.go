// Package docs_test checks the documentation: its programs compile, its
// commands print what the pages show, and its links are valid.
package docs_test

import (
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
)

// pages returns the text of every page, by its path from the root of the
// repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	root := os.DirFS("..") // of the repository
	require.NoError(t, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != "." && (name[0] == '.' || name == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := fs.ReadFile(root, path)
		all[path] = string(text)
		return err
	}))
	require.Contains(t, all, "README.md")
	return all
}

// walked reports whether a page is walked: its files are compiled together, and
// its commands are run.
func walked(page string) bool {
	dir := path.Dir(page)
	return dir == "docs/tutorial" || dir == "docs/howto"
}

func TestProgramsCompile(t *testing.T) {
	t.Parallel()
	programs := 0
	for page, text := range pages(t) {
		for _, b := range walk.Parse(text) {
			if b.Lang != "go" {
				continue
			}
			programs++
			t.Run(page+" line "+strconv.Itoa(b.Line), func(t *testing.T) {
				t.Parallel()
				program(t, page, b)
			})
		}
	}
	assert.Positive(t, programs)
}

// program checks a block of Go. Files that a page saves are compiled when the
// page is walked, and a copy of a file is compiled with the original.
func program(t *testing.T, page string, b walk.Block) {
	t.Helper()
	require.Regexp(t, `\A(//[^\n]*\n+)*package `, b.Text, "Go in the documentation is a whole file")
	tidy, err := format.Source([]byte(b.Text))
	require.NoError(t, err)
	assert.Equal(t, string(tidy), b.Text, "formatted by gofmt")
	if original, ok := b.SameAs(); ok {
		text, err := os.ReadFile(filepath.Join("..", original))
		require.NoError(t, err)
		assert.Equal(t, string(text), b.Text, "a copy of %s", original)
		return
	}
	if b.File == "" || !walked(page) {
		compile(t, b.Text)
	}
}

// compile type-checks a whole program.
func compile(t *testing.T, source string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	vet := exec.CommandContext(t.Context(), "go", "vet", file)
	vet.Dir = ".."
	out, err := vet.CombinedOutput()
	require.NoError(t, err, string(out))
}

var (
	code    = regexp.MustCompile("(?ms)^```.*?^```|`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unnamed = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func TestLinksResolve(t *testing.T) {
	t.Parallel()
	all := pages(t)
	links := 0
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			links++
			target := page
			if m[1] != "" {
				target = path.Join(path.Dir(page), m[1])
			}
			_, err := os.Stat(filepath.Join("..", target))
			assert.NoError(t, err, "%s links to %s", page, m[1])
			if other, ok := all[target]; ok && m[2] != "" {
				assert.Contains(t, anchors(other), m[2], "%s links to %s", page, m[0])
			}
		}
	}
	assert.Positive(t, links)
}

// anchors returns the names of a page's headings, as GitHub makes them.
func anchors(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := unnamed.ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// The tests and benchmarks that a page names exist.
func TestTestsExist(t *testing.T) {
	t.Parallel()
	source := allTests(t)
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark|Example)[A-Z_]\\w*)`")
	found := 0
	for page, text := range pages(t) {
		if !strings.HasPrefix(page, "docs/explanation/") && page != "docs/protocol.md" {
			continue
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			found++
			assert.Contains(t, source, "func "+m[1]+"(", "%s names a test", page)
		}
	}
	assert.Positive(t, found)
}

// allTests returns the text of all tests of the repository.
func allTests(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			var text []byte
			text, err = os.ReadFile(path)
			all.Write(text)
		}
		return err
	}))
	return all.String()
}

// The make targets that a page names exist.
func TestTargetsOfMakeExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	named := regexp.MustCompile("(?:`|```sh\n)make ([a-z][a-z -]*)")
	found := 0
	for page, words := range pages(t) {
		for _, m := range named.FindAllStringSubmatch(words, -1) {
			for target := range strings.FieldsSeq(m[1]) {
				found++
				assert.Contains(t, string(text), "\n"+target+": ", "%s: %s", page, m[0])
			}
		}
	}
	assert.Positive(t, found)
}

// A package with more than one file has its package comment in doc.go.
func TestPackagesHaveADoc(t *testing.T) {
	t.Parallel()
	sources := make(map[string][]string)
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".bin"):
			return fs.SkipDir
		case filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go"):
			dir := filepath.Dir(path)
			sources[dir] = append(sources[dir], filepath.Base(path))
		}
		return nil
	}))
	require.Contains(t, sources, "../framework")
	for dir, files := range sources {
		assert.Contains(t, files, "doc.go", dir)
	}
}
