package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The reasons that the page on authentication explains are those that the filters give.
func TestReasonsExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("howto/authenticate-mail.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(page), "## Troubleshooting\n")
	require.True(t, ok)
	source := sourceOf(t, "../contrib")
	found := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for i, text := range strings.Split(cells[2], "`") {
			if i%2 == 1 {
				found++
				assert.Contains(t, source, text)
			}
		}
	}
	assert.Greater(t, found, 12)
}

// sourceOf returns the text of all Go files below a folder, without tests.
func sourceOf(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	}))
	return all.String()
}
