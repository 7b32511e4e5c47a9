package spool_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/spool"
)

func content(t *testing.T, s *spool.Spool) string {
	t.Helper()
	b, err := io.ReadAll(s.Reader())
	require.NoError(t, err)
	return string(b)
}

// open returns the number of files in a directory that this process has open,
// including unlinked ones.
func open(t *testing.T, dir string) int {
	t.Helper()
	links, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	n := 0
	for _, l := range links {
		if name, err := os.Readlink("/proc/self/fd/" + l.Name()); err == nil && strings.HasPrefix(name, dir+"/") {
			n++
		}
	}
	return n
}

func TestSpool(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		memory int64
		pieces []string
		file   bool
	}{
		{"nothing", 8, nil, false},
		{"in memory", 8, []string{"abcd", "efgh"}, false},
		{"one byte more", 8, []string{"abcd", "efgh", "i"}, true},
		{"in one piece", 8, []string{"abcdefghijkl"}, true},
		{"more after the file was made", 4, []string{"abc", "def", "ghi", "j"}, true},
		{"no file ever", 0, []string{strings.Repeat("x", 100_000)}, false},
		{"a block to the brim", 0, []string{strings.Repeat("x", 8<<10)}, false},
		{"one byte of a second block", 0, []string{strings.Repeat("x", 8<<10), "y"}, false},
		{"to the brim of the second", 0, []string{strings.Repeat("x", 72<<10)}, false},
		{"one byte of a third", 0, []string{strings.Repeat("x", 70<<10), strings.Repeat("y", 2<<10+1)}, false},
		{"several blocks into a file", 200_000, []string{strings.Repeat("x", 100_000), strings.Repeat("y", 100_000), "z"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			store := &spool.Store{Threshold: tt.memory, Dir: dir}
			s := store.New()
			want := strings.Join(tt.pieces, "")
			for range 2 { // and once more after Reset
				for _, p := range tt.pieces {
					n, err := s.Write([]byte(p))
					require.NoError(t, err)
					assert.Equal(t, len(p), n)
				}
				assert.Equal(t, int64(len(want)), s.Size())
				assert.Equal(t, want, content(t, &s))
				assert.Equal(t, want, content(t, &s), "it can be read again")
				assert.Equal(t, tt.file, open(t, dir) == 1)
				names, err := os.ReadDir(dir)
				require.NoError(t, err)
				assert.Empty(t, names, "the file has no name that a crash could leave behind")
				require.NoError(t, s.Reset())
				assert.Zero(t, open(t, dir))
				assert.Zero(t, s.Size())
				assert.Empty(t, content(t, &s))
			}
		})
	}
}

// The body does not change if the caller changes a slice after writing it.
func TestSpoolCopies(t *testing.T) {
	t.Parallel()
	s := new(spool.Store).New()
	p := []byte("abc")
	_, err := s.Write(p)
	require.NoError(t, err)
	copy(p, "xyz")
	assert.Equal(t, "abc", content(t, &s))
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 2} {
		s := (&spool.Store{Threshold: memory, Limit: 8, Dir: t.TempDir()}).New()
		_, err := s.Write([]byte("abcdefgh"))
		require.NoError(t, err)
		n, err := s.Write([]byte("i"))
		require.ErrorIs(t, err, spool.ErrFull)
		assert.Zero(t, n)
		require.NoError(t, s.Reset())
		_, err = s.Write([]byte("abc"))
		require.NoError(t, err, "the next body has the whole limit")
	}
}

func TestNoPlaceForTheFile(t *testing.T) {
	t.Parallel()
	s := (&spool.Store{Threshold: 2, Dir: t.TempDir() + "/missing"}).New()
	_, err := s.Write([]byte("abc"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, s.Reset())
	_, err = s.Write([]byte("ab"))
	require.NoError(t, err)
	assert.Equal(t, "ab", content(t, &s))
}
