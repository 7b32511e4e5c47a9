package tracing_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/miltertest/testproc"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// compare compares a plan without its line numbers with a golden file.
func compare(t *testing.T, name, plan string) {
	t.Helper()
	got := regexp.MustCompile(`(\.go):\d+`).ReplaceAllString(plan, "$1")
	file := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// poolLosses is how many allocations of a message the race detector
// adds: with it, a sync.Pool forgets some of what it is given.
func poolLosses() float64 {
	if testproc.RaceEnabled {
		return 5
	}
	return 0
}
