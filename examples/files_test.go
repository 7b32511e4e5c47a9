//go:build unix

package examples_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFilesThatBlock gives a FIFO to each flag that names a file of a filter's
// configuration. The program names it and ends, and does not wait for a writer. If it
// waited, it would exceed the time of the test.
func TestFilesThatBlock(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	for name, call := range map[string][]string{
		"headerd":      {"headerd", "-config", fifo, "-check"},
		"dkimd":        {"dkimd", "-config", fifo, "-check"},
		"sluiced":      {"sluiced", "-config", fifo, "-check"},
		"dkimd import": {"dkimd", "import", fifo},
		"fxapp":        {"fxapp", "-deny", fifo, "-explain", "text"},
		"changebody":   {"changebody", "-file", fifo, "-explain", "text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, _, stderr := run(t, call[0], call[1:]...)
			assert.NotZero(t, status)
			assert.Contains(t, stderr, fifo+": not a regular file: it is a named pipe (FIFO)")
		})
	}
}
