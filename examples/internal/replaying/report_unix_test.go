//go:build unix

package replaying_test

import (
	"context"
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
)

// What is not a file or a folder with records is refused at once: opening a named pipe would wait
// for a writer.
func TestReportRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for name, c := range map[string]struct{ path, says string }{
		"a named pipe":        {fifo, fifo + " is a named pipe, and neither a file nor a folder"},
		"nothing":             {filepath.Join(dir, "none"), "no such file"},
		"a folder without":    {dir, "has no records, which are files whose names end in .sluice"},
		"a file in no folder": {filepath.Join(fifo, "x.sluice"), "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := replay.Config{Dial: func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }}
			status, err := replaying.Report(t.Context(), t.Output(), cfg, c.path, false)
			require.ErrorContains(t, err, c.says)
			assert.Equal(t, cli.ExitFailed, status)
		})
	}
}
