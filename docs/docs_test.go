// Package docs_test holds the documentation to what it says: its programs
// compile, and its links lead somewhere.
package docs_test

import (
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

func TestProgramsCompile(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?ms)^```go\n(.*?)^```")
	programs := 0
	for path, text := range pages(t) {
		for i, m := range block.FindAllStringSubmatch(text, -1) {
			programs++
			t.Run(path+" "+strconv.Itoa(i+1), func(t *testing.T) {
				t.Parallel()
				compile(t, m[1])
			})
		}
	}
	assert.Positive(t, programs)
}

// compile type-checks a whole program, and checks its format.
func compile(t *testing.T, source string) {
	t.Helper()
	require.True(t, strings.HasPrefix(source, "package "), "Go in the documentation is a whole program")
	tidy, err := format.Source([]byte(source))
	require.NoError(t, err)
	assert.Equal(t, string(tidy), source, "formatted by gofmt")
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	vet := exec.CommandContext(t.Context(), "go", "vet", file)
	vet.Dir = ".."
	out, err := vet.CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestLinksResolve(t *testing.T) {
	t.Parallel()
	code := regexp.MustCompile("(?ms)^```.*?^```|`[^`\n]*`")
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	links := 0
	for path, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
			links++
			target := filepath.Join("..", filepath.Dir(path), m[1])
			_, err := os.Stat(target)
			assert.NoError(t, err, "%s links to %s", path, m[1])
		}
	}
	assert.Positive(t, links)
}
