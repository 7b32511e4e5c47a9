package configfile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sluicemail/sluice/contrib/configfile"
)

// TestReadWithLease reads a file on which a process has a lease, as file
// servers do. The reader waits until the process gives the lease up.
func TestReadWithLease(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("xxxxx"), 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	fd := f.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("the file system has no leases: %v", err)
	}
	released := make(chan error, 1)
	time.AfterFunc(120*time.Millisecond, func() {
		_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
		released <- err
	})
	text, _, err := configfile.Read(path, 5)
	require.NoError(t, <-released)
	require.NoError(t, err)
	assert.Equal(t, "xxxxx", string(text))
}
