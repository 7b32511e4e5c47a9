//go:build unix

package record_test

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// What is neither a file nor a folder is refused at once: opening a named pipe would wait for a
// writer, and a device has no end.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, socket, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	require.NoError(t, os.Symlink(fifo, link))
	ln, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	for name, c := range map[string]struct{ path, is string }{
		"a named pipe": {fifo, "a named pipe"},
		"a link to it": {link, "a named pipe"},
		"a socket":     {socket, "a socket"},
		"a device":     {"/dev/zero", "a device"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := "record: " + c.path + " is " + c.is + ", and neither a file nor a folder"
			_, errs := states(c.path)
			require.Len(t, errs, 1)
			assert.EqualError(t, errs[0], want)
			for rec, err := range record.Raw(c.path) {
				assert.Nil(t, rec)
				assert.EqualError(t, err, want)
			}
		})
	}
}
