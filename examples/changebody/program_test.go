package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/changebody"
)

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = main.Program().Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestWrongFlags(t *testing.T) {
	t.Parallel()
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "body")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	tests := map[string]struct {
		args []string
		says string
	}{
		"both":            {[]string{"-text", "", "-file", file("")}, "either -text or -file"},
		"no such file":    {[]string{"-file", "/nonexistent"}, "-file: open /nonexistent"},
		"a folder":        {[]string{"-file", t.TempDir()}, "is a directory"},
		"bare CR":         {[]string{"-text", "one\n\rtwo"}, "-text: line 2 holds NUL, or a CR"},
		"NUL":             {[]string{"-file", file("a\x00b")}, "line 1 holds NUL"},
		"line of 999":     {[]string{"-file", file("\n\n" + strings.Repeat("x", 999))}, "line 3 has 999 bytes"},
		"CR twice at end": {[]string{"-text", "one\r\r\n"}, "line 1 holds NUL, or a CR"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(append(c.args, "-explain", "text")...)
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, c.says)
			assert.Regexp(t, `^changebody: [^\n]*\n$`, stderr)
		})
	}
}

// To serve takes a new body, to explain the filter does not.
func TestNoBody(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run()
	assert.Equal(t, 2, status)
	assert.Empty(t, stdout)
	assert.Equal(t, "changebody: give either -text or -file\n", stderr)
}

func TestRightFlags(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("x", 998)+"\r\nend"), 0o600))
	for name, args := range map[string][]string{
		"text":       {"-text", "removed"},
		"empty text": {"-text", ""},
		"file":       {"-file", path},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(append(args, "-explain", "text")...)
			assert.Zero(t, status, stderr)
			assert.Contains(t, stdout, "SMFIF_CHGBODY")
		})
	}
}
