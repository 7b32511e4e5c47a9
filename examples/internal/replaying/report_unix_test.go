//go:build unix

package replaying_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/replaying"
	"github.com/sluicemail/sluice/framework/miltertest/replay"
)

// What is neither a file nor a folder is refused at once: opening a named pipe would wait for a
// writer, and a device has no end.
func TestReportRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, socket, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	ln, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	require.NoError(t, os.Symlink(fifo, link))
	for name, c := range map[string]struct{ path, says string }{
		"a named pipe":        {fifo, "-replay " + fifo + ": want a file or a folder, and it is neither"},
		"a link to it":        {link, "-replay " + link + ": want a file or a folder, and it is neither"},
		"a socket":            {socket, "it is neither"},
		"a device":            {"/dev/zero", "it is neither"},
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
