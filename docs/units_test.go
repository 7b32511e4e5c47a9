package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/docs/internal/walk"
)

// TestUnits checks the units of the how-to with systemd, if it is installed. An
// executable stands in for the program that they start.
func TestUnits(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("howto/deploy-with-systemd.md")
	require.NoError(t, err)
	dir, args := t.TempDir(), []string{"verify", "--man=no"}
	program := filepath.Join(dir, "stamp")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700))
	for _, b := range walk.Parse(string(text)) {
		if b.Lang != "ini" {
			continue
		}
		file := filepath.Join(dir, b.File)
		unit := strings.ReplaceAll(b.Text, "/usr/local/bin/stamp", program)
		require.NoError(t, os.WriteFile(file, []byte(unit), 0o600))
		args = append(args, file)
	}
	require.Len(t, args, 4, "a socket and a service")
	assert.Regexp(t, `(?m)^Environment=GOMEMLIMIT=900MiB\nMemoryMax=1G$`, string(text), "as in the units of the examples and on the page of the limits")
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze: nobody reads the units")
		return
	}
	out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.NotContains(t, string(out), "stamp", "not even a warning")
}
