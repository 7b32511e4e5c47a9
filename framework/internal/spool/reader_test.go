package spool_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/spool"
)

// kept returns a spool with a body of several blocks, in memory or in a file.
func kept(t *testing.T, threshold int64) (*spool.Store, *spool.Spool, []byte) {
	t.Helper()
	store := &spool.Store{Threshold: threshold, Dir: t.TempDir()}
	s, text := store.New(), make([]byte, 150<<10)
	for i := range text {
		text[i] = byte(i % 251)
	}
	_, err := s.Write(text)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Reset()) })
	return store, &s, text
}

func TestReader(t *testing.T) {
	t.Parallel()
	for name, threshold := range map[string]int64{"memory": 0, "file": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s, text := kept(t, threshold)
			require.NoError(t, iotest.TestReader(s.Reader(), text))

			var whole bytes.Buffer
			n, err := io.Copy(&whole, s.Reader())
			require.NoError(t, err)
			assert.EqualValues(t, len(text), n)
			assert.Equal(t, text, whole.Bytes())

			half := s.Reader()
			_, err = io.CopyN(io.Discard, struct{ io.Reader }{half}, 10_000)
			require.NoError(t, err)
			whole.Reset()
			_, err = io.Copy(&whole, half)
			require.NoError(t, err)
			assert.Equal(t, text[10_000:], whole.Bytes(), "from where it stood")

			_, err = io.Copy(broken{}, s.Reader())
			require.ErrorIs(t, err, errBroken)
		})
	}
}

var errBroken = errors.New("broken")

// broken is a writer that always fails. It does not implement io.ReaderFrom.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

// A reader that is used too long sees neither the next body nor that of another
// session, although blocks are reused.
func TestReaderOfAnotherBody(t *testing.T) {
	t.Parallel()
	ends := map[string]func(store *spool.Store, s *spool.Spool) error{
		"reset": func(_ *spool.Store, s *spool.Spool) error { return s.Reset() },
		"replaced": func(store *spool.Store, s *spool.Spool) error {
			fresh := store.New()
			_, err := fresh.Write(bytes.Repeat([]byte("x"), 200<<10))
			return errors.Join(err, s.Replace(&fresh))
		},
	}
	for name, end := range ends {
		for where, threshold := range map[string]int64{"memory": 0, "file": 1} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				store, s, _ := kept(t, threshold)
				readers := []io.Reader{s.Reader(), struct{ io.Reader }{s.Reader()}}
				require.NoError(t, end(store, s))
				for _, r := range readers {
					n, err := io.Copy(io.Discard, r)
					require.ErrorIs(t, err, spool.ErrGone)
					assert.Zero(t, n)
				}
			})
		}
	}
}

// A body in memory causes no allocation if blocks are available.
//
//nolint:paralleltest // memory is counted for the whole process
func TestAllocs(t *testing.T) {
	store := new(spool.Store)
	s, piece := store.New(), make([]byte, 30<<10)
	once := func() {
		for range 2 {
			if _, err := s.Write(piece); err != nil {
				panic(err)
			}
		}
		if err := s.Reset(); err != nil {
			panic(err)
		}
	}
	once()
	assert.Less(t, testing.AllocsPerRun(100, once), 1.0)
}

// A file that has become shorter than what was written to it must not pass for a whole
// body.
func TestReaderOfATruncatedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := spool.Store{Threshold: 1, Dir: dir}
	s := st.New()
	_, err := s.Write(make([]byte, 100_000))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Reset()) })
	truncateIn(t, dir, 50_000)
	n, err := io.Copy(io.Discard, s.Reader())
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, int64(50_000), n)
}

// truncateIn truncates the file without a name that this process has open in a directory.
func truncateIn(t *testing.T, dir string, size int64) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("the system does not list the files of a process")
	}
	for _, fd := range fds {
		path := filepath.Join("/proc/self/fd", fd.Name())
		if target, err := os.Readlink(path); err == nil && filepath.Dir(target) == dir {
			require.NoError(t, os.Truncate(path, size))
			return
		}
	}
	require.Fail(t, "no file is open in "+dir)
}
