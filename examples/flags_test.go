package examples_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWrongFlags shows that a program checks the values of its own flags at the
// start. If one is wrong, the status is 2, and one line names the mistake.
func TestWrongFlags(t *testing.T) {
	t.Parallel()
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	const advice = "; write printable ASCII characters without space and colon"
	const notAName = " is not a valid field name" + advice
	const either = "give either -text or -file"
	const wait = "want 0 < -delay < -retry"
	tests := map[string]struct {
		call string
		arg  string // the last argument, which may hold any character
		says string
	}{
		"empty name":              {"addheaderip -name", "", "-name: the field name is empty" + advice},
		"name with a space":       {"addheaderip -name", "X Client", `-name: "X Client"` + notAName},
		"name with a colon":       {"addheaderip -name", "X-Client:", `-name: "X-Client:"` + notAName},
		"name with a line end":    {"addheaderip -name", "X-Client\r\nX-Forged", `-name: "X-Client\r\nX-Forged"` + notAName},
		"name outside of ASCII":   {"addheaderip -name", "X-Adreße", `-name: "X-Adreße"` + notAName},
		"name with a delete":      {"addheaderip -name", "X\x7f", `-name: "X\x7f"` + notAName},
		"name of 65 characters":   {"addheaderip -name", strings.Repeat("x", 65), `-name: the field name "xxxxxxxxxxxxxxxxxxxx"… is longer than 64 bytes; write a shorter one`},
		"no age":                  {"aliases -max-age", "soon", `"soon" for flag -max-age`},
		"both bodies":             {"changebody -text x -file", file(""), either},
		"no such body":            {"changebody -file", "/nonexistent", "-file: open /nonexistent"},
		"a folder as a body":      {"changebody -file", t.TempDir(), "is a directory"},
		"body with a CR":          {"changebody -text", "one\n\rtwo", "-text: line 2 holds NUL, or a CR"},
		"body with two CR":        {"changebody -text", "one\r\r\n", "line 1 holds NUL, or a CR"},
		"body with NUL":           {"changebody -file", file("a\x00b"), "line 1 holds NUL"},
		"body with a line of 999": {"changebody -file", file("\n\n" + strings.Repeat("x", 999)), "line 3 has 999 bytes"},
		"an unknown reaction":     {"clamav -infected", "delete", "want reject or quarantine or mark"},
		"no delay":                {"greylist -delay", "0s", wait},
		"a negative delay":        {"greylist -delay", "-1s", wait},
		"retry before the delay":  {"greylist -retry", "5m", wait},
		"nobody is kept":          {"greylist -keep", "0s", wait},
		"nobody is remembered":    {"greylist -entries", "0", wait},
		"no time":                 {"greylist -delay", "soon", `"soon" for flag -delay`},
		"a page for all":          {"logall -inspect", "0.0.0.0:8025?colour=1", `unknown option "colour": want content, folder or token_file`},
		"no page":                 {"aliases -inspect", "here", "want an address and a port such as 127.0.0.1:8025"},
		"a limit of zero":         {"logall -limit", "0", "-limit: want 1 or more"},
		"a negative limit":        {"logall -limit", "-1", "-limit: want 1 or more"},
		"no number":               {"logall -limit", "all", `"all" for flag -limit`},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := strings.Fields(c.call)
			status, stdout, stderr := run(t, call[0], append(call[1:], c.arg, "-explain", "text")...)
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, c.says)
			assert.Regexp(t, `^`+call[0]+`: [^\n]*\n$`, stderr)
		})
	}
}

// Serving needs a new body, but explaining the filter does not.
func TestNoNewBody(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run(t, "changebody")
	assert.Equal(t, 2, status)
	assert.Empty(t, stdout)
	assert.Equal(t, "changebody: give either -text or -file\n", stderr)
}

func TestNewBodies(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("x", 998)+"\r\nend"), 0o600))
	for _, args := range [][]string{nil, {"-text", "removed"}, {"-text", ""}, {"-file", path}} {
		status, stdout, stderr := run(t, "changebody", append(args, "-explain", "text")...)
		assert.Zero(t, status, stderr)
		assert.Contains(t, stdout, "SMFIF_CHGBODY")
	}
}
