package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/sluicemail/sluice/examples/headerd"
)

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = main.Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

// write writes a file of rules, and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "headerd.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const addX = "rules: [{do: [{add: {name: X, value: '1'}}]}]\n"

func TestCheck(t *testing.T) {
	t.Parallel()
	file := write(t, addX)
	status, stdout, stderr := run("-check", "-config", file)
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.True(t, strings.HasPrefix(stdout, file+": ok, 1 rules\n\n+"), stdout)
	assert.Contains(t, stdout, "SMFIF_ADDHDRS")
	assert.Contains(t, stdout, "SMFIP_NOHDRS")
	assert.NotContains(t, stdout, "SMFIF_CHGHDRS")
}

func TestSample(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run("-check", "-config", "headerd.yaml")
	assert.Zero(t, status, stderr)
	assert.Contains(t, stdout, "headerd.yaml: ok, 6 rules")
}

func TestExplain(t *testing.T) {
	t.Parallel()
	file := write(t, addX)
	for format, want := range map[string]string{"text": "+  SMFIF_ADDHDRS", "json": `"SMFIF_ADDHDRS"`} {
		status, stdout, stderr := run("-config", file, "-explain", format)
		assert.Zero(t, status, stderr)
		assert.Contains(t, stdout, want)
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run("-help")
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.Less(t, strings.Count(stdout, "\n"), 24, "it fits a screen")
	for line := range strings.Lines(stdout) {
		assert.LessOrEqual(t, len(line), 80, line)
	}
	status, stdout, stderr = run("-version")
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.Regexp(t, `^headerd \S+ go1\.\S+\n$`, stdout)
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	good := write(t, addX)
	tests := map[string]struct {
		args   []string
		status int
		says   []string // on a line each
	}{
		"unknown flag":        {[]string{"-colour"}, 2, []string{"-colour"}},
		"no file named":       {nil, 2, []string{"-config is required"}},
		"unknown format":      {[]string{"-config", good, "-explain", "xml"}, 2, []string{"want text or json"}},
		"unknown log format":  {[]string{"-config", good, "-log-format", "yaml"}, 2, []string{"want text or json"}},
		"unknown log level":   {[]string{"-config", good, "-log-level", "loud"}, 2, []string{"loud"}},
		"address has no kind": {[]string{"-config", good, "-listen", "127.0.0.1:9000"}, 2, []string{"want inet:PORT@HOST"}},
		"an argument":         {[]string{"-config", good, "message.eml"}, 2, []string{`"message.eml"`}},
		"odd metrics":         {[]string{"-config", good, "-metrics", "9090"}, 2, []string{`metrics "9090": want an address and a port`}},
		"odd metrics in file": {[]string{"-config", write(t, "metrics: nine\n"+addX), "-check"}, 1, []string{`metrics "nine": want an address and a port`}},
		"no drain":            {[]string{"-config", good, "-drain", "0"}, 2, []string{"-drain"}},
		"no such file":        {[]string{"-config", "/nonexistent.yaml", "-check"}, 1, []string{"open /nonexistent.yaml: no such file"}},
		"no such folder":      {[]string{"-config", good, "-listen", "unix:/nonexistent/x.sock", "-log-level", "error"}, 1, []string{"/nonexistent"}},
		"wrong file": {
			[]string{"-check", "-config", write(t, "rules:\n- do: [delete: 'a b']\n- do: [add: {name: X, value: '{{ .X }}'}]\n")},
			1,
			[]string{"headerd.yaml:2:16: rule 1: Delete: Name: ", "headerd.yaml:3:30: rule 2: Add: Value: unknown fact .X"},
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(c.args...)
			assert.Equal(t, c.status, status)
			assert.Empty(t, stdout)
			lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
			require.Len(t, lines, len(c.says), stderr)
			for i, line := range lines {
				assert.True(t, strings.HasPrefix(line, "headerd: "), line)
				assert.Contains(t, line, c.says[i])
			}
		})
	}
}
