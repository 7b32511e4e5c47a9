package main_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	servers "github.com/sluicemail/sluice/examples/internal/behind"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestCheckBehind says what filters cannot do behind each server, and what then becomes of mail.
func TestCheckBehind(t *testing.T) {
	t.Parallel()
	for _, name := range servers.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run(t, "-check", "-behind", name, "-config", filepath.Join("testdata", "behind.yaml"))
			_, report, ok := strings.Cut(stdout, "behind ")
			require.True(t, ok, stdout)
			got := "behind " + report + stderr
			golden := filepath.Join("testdata", "behind."+name)
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
			assert.Equal(t, name == "maddy", status == 1, "only Maddy lacks something: %d", status)
		})
	}
}

// authenticate writes one field for all methods, so that no method can have it as a wish.
func TestOptionalIsNotForAMethod(t *testing.T) {
	t.Parallel()
	path := write(t, "x.yaml", "filters:\n- authenticate:\n    dkim: {optional: true}\n")
	status, _, stderr := run(t, "-check", "-config", path)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, path+":3:22: optional is not for this section")
}

// A signature may be a wish.
func TestOptionalSigning(t *testing.T) {
	t.Parallel()
	path, _ := sample(t, "submission.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), "\n  - sign:\n")
	wish := strings.Replace(string(text), "\n  - sign:\n", "\n  - sign:\n      optional: true\n", 1)
	require.NoError(t, os.WriteFile(path, []byte(wish), 0o600))
	status, stdout, stderr := run(t, "-config", path, "-explain", "text")
	assert.Zero(t, status, stderr)
	assert.Regexp(t, `GrantAddHeader \(optional\) by sign at dkim/filter\.go`, stdout)
}
