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

func TestCheckWarns(t *testing.T) {
	t.Parallel()
	file := write(t, "rules:\n- do: [{reject: '1'}]\n- do: [{reject: '2'}]\n")
	status, stdout, stderr := run("-check", "-config", file)
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	want := file + ": ok, 2 rules\n" +
		file + ":3:3: warning: rule 2: no message reaches this rule, because rule 1 is the end for every message\n\n"
	assert.True(t, strings.HasPrefix(stdout, want), stdout)
}

// TestCheckAgainst compares a file with the one that is in force.
func TestCheckAgainst(t *testing.T) {
	t.Parallel()
	old, wrong := write(t, addX), write(t, "rules: y\n")
	for name, c := range map[string]struct {
		text, against string
		status        int
		says          string
	}{
		"the same":     {addX, old, 0, ""},
		"others":       {addY, old, 0, ""},
		"fewer":        {"rules: []\n", old, 0, ""},
		"more":         {"rules: [{do: [{delete: X}]}]\n", old, 3, "headerd: valid, but a program that runs with " + old + " needs a restart: "},
		"a permission": {"rules: [{do: [{delete: X}]}]\n", old, 3, "permission to change fields"},
		"metrics":      {"metrics: 127.0.0.1:9090\n" + addX, old, 3, "a new address for the metrics needs a restart"},
		"wrong":        {"rules: x\n", old, 1, "headerd.yaml:1:8: want a list"},
		"old is wrong": {addX, wrong, 1, "headerd: valid, but the file of -against cannot be used: " + wrong + "\nheaderd: " + wrong + ":1:8: want a list"},
		"old is gone":  {addX, "/nonexistent.yaml", 1, "valid, but the file of -against cannot be used: /nonexistent.yaml\nheaderd: open /nonexistent.yaml: no such file"},
	} {
		status, stdout, stderr := run("-check", "-config", write(t, c.text), "-against", c.against)
		assert.Equal(t, c.status, status, name)
		assert.Contains(t, stderr, c.says, name)
		assert.Equal(t, c.status == 0, stderr == "", name)
		assert.Equal(t, name != "wrong", strings.Contains(stdout, ": ok, "), name)
	}
	status, _, stderr := run("-check", "-config", write(t, "metrics: 127.0.0.1:9090\n"+addX), "-metrics", "127.0.0.1:9091", "-against", old)
	assert.Zero(t, status, "the flag takes precedence: %s", stderr)
	status, _, stderr = run("-config", old, "-against", old)
	assert.Equal(t, 2, status)
	assert.Equal(t, "headerd: -against needs -check\n", stderr)
}

func TestSample(t *testing.T) {
	t.Parallel()
	status, stdout, stderr := run("-check", "-config", "headerd.yaml")
	assert.Zero(t, status, stderr)
	assert.Contains(t, stdout, "headerd.yaml: ok, 7 rules")
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
	assert.Less(t, strings.Count(stdout, "\n"), 30, "it is short")
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
		"odd metrics in file": {[]string{"-config", write(t, "metrics: nine\n"+addX), "-check"}, 1, []string{`headerd.yaml:1:10: metrics "nine": want an address and a port`}},
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
