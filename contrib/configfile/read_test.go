//go:build unix

package configfile_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sluicemail/sluice/contrib/configfile"
)

// TestRead reads every kind of file. No kind blocks.
func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(at("file"), []byte("12345"), 0o640))
	require.NoError(t, os.WriteFile(at("empty"), nil, 0o600))
	require.NoError(t, os.WriteFile(at("large"), []byte("123456"), 0o600))
	require.NoError(t, unix.Mkfifo(at("fifo"), 0o600))
	require.NoError(t, os.Mkdir(at("directory"), 0o700))
	for name, target := range map[string]string{"link": "file", "to-fifo": "fifo", "to-itself": "to-itself", "dangling": "none"} {
		require.NoError(t, os.Symlink(target, at(name)))
	}
	ln, err := net.Listen("unix", at("socket"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	tests := map[string]struct{ path, text, err string }{
		"a regular file":           {at("file"), "12345", ""},
		"an empty file":            {at("empty"), "", ""},
		"a link to a regular file": {at("link"), "12345", ""},
		"a byte too many":          {at("large"), "", "larger than 5 bytes"},
		"a FIFO":                   {at("fifo"), "", "not a regular file: it is a named pipe (FIFO)"},
		"a link to a FIFO":         {at("to-fifo"), "", "not a regular file: it is a named pipe (FIFO)"},
		"a directory":              {at("directory"), "", "not a regular file: it is a directory"},
		"a socket":                 {at("socket"), "", "not a regular file: it is a socket"},
		"a device":                 {"/dev/zero", "", "not a regular file: it is a device"},
		"a terminal":               {"/dev/tty", "", "not a regular file: it is a device"},
		"no file":                  {at("none"), "", "no such file"},
		"a link to no file":        {at("dangling"), "", "no such file"},
		"a link to itself":         {at("to-itself"), "", "too many"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, info, err := configfile.Read(c.path, 5)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				assert.ErrorContains(t, err, c.path)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.text, string(text))
			assert.True(t, info.Mode().IsRegular())
		})
	}
	_, _, err = configfile.Read(at("large"), 5)
	require.ErrorIs(t, err, configfile.ErrTooLarge)
	_, _, err = configfile.Read(at("fifo"), 5)
	require.ErrorIs(t, err, configfile.ErrNotRegular)
}

// TestReadWhileNamesChange exchanges a file for a FIFO again and again. The
// kind is checked twice: the FIFO may come between the check and the opening.
func TestReadWhileNamesChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, file, fifo := filepath.Join(dir, "name"), filepath.Join(dir, "file"), filepath.Join(dir, "fifo")
	require.NoError(t, os.WriteFile(file, []byte("12345"), 0o600))
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	require.NoError(t, os.Link(file, path))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			next := []string{fifo, file}[i%2]
			assert.NoError(t, os.Link(next, path+".new"))
			assert.NoError(t, os.Rename(path+".new", path))
			_ = os.Remove(path + ".new") // rename does nothing if both names are one file
		}
	}()
	for range 5000 {
		text, _, err := configfile.Read(path, 5)
		if err != nil {
			assert.ErrorIs(t, err, configfile.ErrNotRegular)
			continue
		}
		assert.Equal(t, "12345", string(text))
	}
	close(stop)
	<-stopped
}
