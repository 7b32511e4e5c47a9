package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The program follows a page with the repository beside it, and fails if the
// page is wrong.
func TestSteps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	steps := filepath.Join(dir, "steps")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", steps, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), steps, args...)
		cmd.Dir = "../../.."
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	page := filepath.Join(dir, "page.md")
	write := func(text string) { require.NoError(t, os.WriteFile(page, []byte(text), 0o600)) }

	write("```console\n$ ls sluice/go.mod\nsluice/go.mod\n```\n<!-- with Redis -->\n```console\n$ echo redis\n```\n")
	for range 2 { // the second time the repository is there
		said, err := run(page, filepath.Join(dir, "new"))
		require.NoError(t, err, said)
		assert.Equal(t, "$ ls sluice/go.mod\nsluice/go.mod\n# line 6 skipped: with Redis\n", said)
	}
	said, err := run("-with", "Postfix,Redis", page, filepath.Join(dir, "new"))
	require.NoError(t, err, said)
	assert.Contains(t, said, "$ echo redis\nredis\n")

	write("\n```console\n$ echo a\nb\n```\n")
	said, err = run(page, filepath.Join(dir, "new"))
	require.Error(t, err)
	assert.Contains(t, said, "steps: line 2: echo a: page shows\nb\n")
	_, err = run(page)
	require.Error(t, err, "two arguments are needed")
}
