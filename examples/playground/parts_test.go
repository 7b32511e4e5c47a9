package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	playground "github.com/sluicemail/sluice/examples/playground"
)

func TestMaildir(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	m, err := playground.OpenMaildir(dir)
	require.NoError(t, err)
	_, err = playground.OpenMaildir(dir)
	require.NoError(t, err, "it may exist already")

	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := m.Deliver("", "A: 1\r\n\r\nx\r\n")
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Len(t, files(t, filepath.Join(dir, "new")), 20, "each has a name of its own")
	assert.Empty(t, files(t, filepath.Join(dir, "tmp")))

	file, err := m.Deliver(".Quarantine", "A: \xff\r\n\r\nx\ry\r\n")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, ".Quarantine", "new"), filepath.Dir(file))
	assert.Regexp(t, `^\d+\.M\d{6}P\d+Q21\.[^/:]+$`, filepath.Base(file))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "A: \xff\n\nx\ry\n", string(text))
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.Remove(filepath.Join(dir, "cur")))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "new")))
	_, err = m.Deliver("", "A: 1\r\n")
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.Empty(t, files(t, filepath.Join(dir, "tmp")), "nothing stays behind")
}

func TestColours(t *testing.T) {
	t.Parallel()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, like a terminal
	require.NoError(t, err)
	defer func() { _ = device.Close() }()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	assert.Equal(t, "\x1b[31mx\x1b[0m", playground.PaintFor(device, env()).Red("x"))
	assert.Equal(t, "x", playground.PaintFor(device, env("NO_COLOR", "1")).Red("x"))
	assert.Equal(t, "x", playground.PaintFor(device, env("TERM", "dumb")).Red("x"))
	assert.Equal(t, "x", playground.PaintFor(file, env()).Red("x"))
	assert.Equal(t, "x", playground.PaintFor(new(strings.Builder), env()).Red("x"))
	assert.Equal(t, "x", playground.PaintFor(file, env("CLICOLOR_FORCE", "0")).Red("x"))
	assert.Equal(t, "\x1b[31mx\x1b[0m", playground.PaintFor(file, env("CLICOLOR_FORCE", "1")).Red("x"))
	assert.Equal(t, "x", playground.PaintFor(device, env("CLICOLOR_FORCE", "1", "NO_COLOR", "1")).Red("x"))
}

func TestCut(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"abcde":        "abcde",
		"abcdef":       "abcd…",
		"äöüßé":        "äöüßé",
		"a\x1b[1m":     "a?[1m",
		"a\tb":         "a b",
		"a\xffb":       "a?b",
		"\u009bx\x7f":  "?x?",
		"a\u202eb":     "a?b",
		"\u200b\u2066": "??",
	} {
		assert.Equal(t, want, playground.Cut(in, 5))
	}
}
