package main_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/behind"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestCheckBehind says what rules cannot do behind each server, before any mail is refused.
func TestCheckBehind(t *testing.T) {
	t.Parallel()
	for _, name := range behind.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := run("-check", "-behind", name, "-config", filepath.Join("testdata", "behind.yaml"))
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

// Without the rule that is required, the others are enough for Maddy.
func TestCheckBehindWithWishes(t *testing.T) {
	t.Parallel()
	file := write(t, "rules:\n- optional: true\n  do: [{delete: X}]\n- do: [{add: {name: X, value: y}}]\n")
	status, stdout, stderr := run("-check", "-behind", "maddy", "-config", file)
	assert.Zero(t, status, stderr)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, file+":3: rule 1: Delete cannot change and delete fields (SMFIF_CHGHDRS): the rule is skipped\n")
	assert.NotContains(t, stdout, "cannot work")
}

func TestCheckBehindMistakes(t *testing.T) {
	t.Parallel()
	file := write(t, addX)
	status, stdout, stderr := run("-check", "-behind", "exim", "-config", file)
	assert.Equal(t, 2, status)
	assert.Empty(t, stdout)
	assert.Equal(t, "headerd: invalid value \"exim\" for flag -behind: want maddy, postfix, sendmail or stalwart\n", stderr)
	status, _, stderr = run("-behind", "maddy", "-config", file)
	assert.Equal(t, 2, status)
	assert.Equal(t, "headerd: -behind needs -check\n", stderr)
	status, _, stderr = run("-check", "-behind", "maddy", "-config", write(t, "rules: 1\n"))
	assert.Equal(t, 1, status)
	assert.NotContains(t, stderr, "behind")
}

// With both flags the program says both. What a server lacks decides the exit status.
func TestCheckBehindAndAgainst(t *testing.T) {
	t.Parallel()
	old, deletes := write(t, addX), write(t, "rules: [{do: [{delete: X}]}]\n")
	status, _, stderr := run("-check", "-behind", "maddy", "-against", old, "-config", deletes)
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "behind Maddy: the server does not grant")
	assert.Contains(t, stderr, "needs a restart")
	status, _, _ = run("-check", "-behind", "postfix", "-against", old, "-config", deletes)
	assert.Equal(t, 3, status)
}
