package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each sample passes -check without a warning.
func TestSamples(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"mx.yaml": ": ok, 2 filters, 3 middleware\n" +
			"1. authenticate: spf, dkim, arc, dmarc\n" +
			"2. hygiene (headers): 3 rules\n",
		"submission.yaml": ": ok, 2 filters, 4 middleware\n" +
			"1. privacy (headers): 1 rules, conditional\n" +
			"2. sign: 1 signing rules\n",
		"list.yaml": ": ok, 3 filters, 2 middleware\n" +
			"1. authenticate: spf, dkim, arc, dmarc; seals as lists.example.org after all other filters\n" +
			"2. list (headers): 1 rules\n" +
			"3. sign: 1 signing rules\n",
	} {
		path, _ := sample(t, name)
		assert.Equal(t, path+want, must(t, "-check", "-config", path), name)
	}
}

// The sample of a mail exchanger needs no other file, whatever the working directory.
func TestMXFromAnywhere(t *testing.T) {
	text, err := os.ReadFile("mx.yaml")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mx.yaml"), text, 0o600))
	t.Chdir(t.TempDir())
	assert.Contains(t, must(t, "-check", "-config", filepath.Join(dir, "mx.yaml")), "ok, 2 filters")
	assert.Contains(t, must(t, "-config", filepath.Join(dir, "mx.yaml"), "-explain", "text"), "SMFIF_ADDHDRS")
	t.Chdir(dir)
	assert.Contains(t, must(t, "-check", "-config", "mx.yaml"), "mx.yaml: ok, 2 filters")
}
