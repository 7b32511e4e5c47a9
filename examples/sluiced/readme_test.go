package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

// pattern returns a regular expression for output as the page shows it. "…" stands for any text
// within a line, or for any number of lines.
func pattern(shown string) string {
	p := strings.ReplaceAll(regexp.QuoteMeta(shown), "\n…\n", "\n(?s:.*?\n)??")
	return `^` + strings.ReplaceAll(p, "…", ".*")
}

// The program prints what README.md shows.
func TestREADME(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```text\n(.*?)^```").FindAllStringSubmatch(string(page), -1)
	dns := resolvertest.Listen(t, zone)
	outputs := []string{
		strings.Replace(must(t, "-check", "-config", "mx.yaml"), "mx.yaml", "examples/sluiced/mx.yaml", 1),
		must(t, "check-message", "-config", "mx.yaml", "-dns", dns, "-client", "192.0.2.66", "-helo", "host.example", "-from", "ann@example.org", "testdata/forged.eml"),
	}
	require.Len(t, blocks, len(outputs))
	for i, b := range blocks {
		assert.Regexp(t, pattern(b[1]), outputs[i])
	}
}

// README.md names each setting of the file.
func TestREADMENamesSettings(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	tag := regexp.MustCompile("yaml:\"([a-z_]+)\"")
	files, err := filepath.Glob("internal/config/*.go")
	require.NoError(t, err)
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range tag.FindAllStringSubmatch(string(code), -1) {
			seen++
			assert.True(t, regexp.MustCompile(`\b`+m[1]+`\b`).Match(page), "%s: %s", file, m[1])
		}
	}
	assert.Greater(t, seen, 100)
}
