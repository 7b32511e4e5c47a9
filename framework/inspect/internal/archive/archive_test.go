package archive_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/internal/archive"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// Processes write files at the same time and one after the other. Whatever the sizes of the
// records, and however much the index has, a walk sees each record once, newest first, also
// between two keys, and when it begins in the middle.
func TestWalk(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f, random := newFolder(t), rand.New(rand.NewPCG(seed, 1))
			var want []archive.Key
			files := make([]int, 3) // of each process
			for at := range uint64(1500) {
				tag := random.IntN(len(files))
				if random.IntN(100) == 0 {
					files[tag]++
				}
				if random.IntN(300) == 0 {
					assert.Equal(t, want, reversed(keys(t.Context(), t, f.Archive)), "while it grows")
				}
				key := archive.Key{Time: 1 + at/2, Tag: uint16(tag)}
				if n := len(want); n > 0 && key.Compare(want[n-1]) <= 0 {
					continue
				}
				f.add(fmt.Sprint(files[tag], "-", tag), tape.AppendFrame(nil, rec(key, random.IntN(1+random.IntN(20_000)))))
				want = append(want, key)
			}
			assert.Equal(t, want, reversed(keys(t.Context(), t, f.Archive)))
			assert.Equal(t, want, reversed(keys(t.Context(), t, f.reopened())))
			for range 50 {
				from, to := random.IntN(len(want)), random.IntN(len(want))
				w, err := f.Walk(t.Context(), archive.Range{Before: want[from]})
				require.NoError(t, err)
				key, _, ok, err := w.Before(t.Context(), want[from], want[to])
				require.NoError(t, err)
				require.Equal(t, from-1 > to, ok)
				if ok {
					assert.Equal(t, want[from-1], key)
				}
				w.Close()
			}
			assert.Empty(t, f.logs.String())
		})
	}
}

func reversed(list []archive.Key) []archive.Key {
	slices.Reverse(list)
	return list
}

// A walk can leave out the files of one process.
func TestWalkWithout(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.add("1", frame(1, 7, 10), frame(3, 7, 10))
	f.add("2", frame(2, 8, 10), frame(4, 8, 10))
	tag := uint16(8)
	w, err := f.Walk(t.Context(), archive.Range{Before: archive.Last, Without: &tag})
	require.NoError(t, err)
	defer w.Close()
	key, _, ok, err := w.Before(t.Context(), archive.Last, archive.Key{})
	require.NoError(t, err)
	assert.True(t, ok)
	assert.EqualValues(t, 3, key.Time)
}

// What is damaged is left out, with one line in the log for each file; what is incomplete may
// become complete.
func TestDamage(t *testing.T) {
	t.Parallel()
	good := func(at uint64) []byte { return frame(at, 1, 100) }
	wrong := good(5)
	wrong[30] ^= 1
	huge := binary.BigEndian.AppendUint64(nil, 1<<61)
	for name, c := range map[string]struct {
		content [][]byte
		want    string
		logs    string
	}{
		"checksum":      {[][]byte{good(4), wrong, wrong, good(6)}, "6 4 ", "the checksum is wrong"},
		"only checksum": {[][]byte{wrong}, "", "the checksum is wrong"},
		"length":        {[][]byte{good(4), huge, good(6)}, "4 ", "a record of 536870912 bytes"},
		"torn":          {[][]byte{good(4), good(5)[:50]}, "4 ", ""},
		"torn length":   {[][]byte{good(4), good(5)[:5]}, "4 ", ""},
		"not newer":     {[][]byte{good(4), good(6), good(6), good(5), good(7)}, "7 6 4 ", "not newer than the one before"},
		"no ID":         {[][]byte{good(4), tape.AppendFrame(nil, []byte("x")), good(6)}, "6 4 ", "it has no ID"},
		"empty":         {[][]byte{good(4), tape.AppendFrame(nil), good(6)}, "6 4 ", "zeros in place of records, from byte"},
		"zeros":         {[][]byte{good(4), make([]byte, 3<<20+5)}, "4 ", "zeros in place of records, from byte"},
		"zeros between": {[][]byte{good(4), make([]byte, 5<<20), good(6)}, "6 4 ", "zeros in place of records, from byte"},
		"too large":     {[][]byte{good(4), frame(5, 1, most), good(6)}, "6 4 ", "it has 1048"},
		"no record":     {nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			f.add("1", c.content...)
			for range 2 {
				assert.Equal(t, c.want, f.times())
			}
			if c.logs == "" {
				assert.Empty(t, f.logs.String())
				return
			}
			assert.Contains(t, f.logs.String(), c.logs)
			assert.Equal(t, 1, bytes.Count(f.logs.Bytes(), []byte("\n")))
		})
	}
}

func TestForeignFiles(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.add("2", frame(1, 1, 10))
	require.NoError(t, os.WriteFile(f.path("9"), []byte("not a record"), 0o600))
	require.NoError(t, os.WriteFile(f.path("99"), nil, 0o600))
	require.NoError(t, os.Mkdir(f.path("folder"), 0o700))
	require.NoError(t, os.Symlink("/dev/zero", f.path("zero")))
	assert.Equal(t, "1 ", f.times())
	assert.Equal(t, 1, bytes.Count(f.logs.Bytes(), []byte("\n")))
	assert.Contains(t, f.logs.String(), f.path("9"))

	require.NoError(t, os.RemoveAll(f.dir))
	assert.Empty(t, f.times(), "there is no folder")
	require.NoError(t, os.WriteFile(f.dir, nil, 0o600))
	for range 2 {
		assert.Empty(t, f.times(), "it is a file")
	}
	assert.Equal(t, 2, bytes.Count(f.logs.Bytes(), []byte("\n")))
}

// A record that was incomplete is there once the rest was written, and so is what comes later.
func TestGrowth(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	second := frame(2, 1, 100)
	f.add("1", frame(1, 1, 10), second[:20])
	assert.Equal(t, "1 ", f.times())
	f.add("1", second[20:])
	assert.Equal(t, "2 1 ", f.times())
	f.add("1", frame(3, 1, 200_000), frame(4, 1, 10))
	assert.Equal(t, "4 3 2 1 ", f.times())
	require.NoError(t, os.Truncate(f.path("1"), 16))
	f.add("1", frame(8, 1, 10))
	assert.Equal(t, "8 ", f.times(), "another file has the name")
}

// Files leave while a walk goes on: their records are left out, or still there.
func TestFilesLeave(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	for i := range uint64(6) {
		f.add(fmt.Sprint(i), frame(10*i, 1, 100), frame(10*i+1, 1, 100))
	}
	w, err := f.Walk(t.Context(), archive.Range{Before: archive.Last})
	require.NoError(t, err)
	defer w.Close()
	var got []uint64
	for limit := archive.Last; ; {
		key, _, ok, err := w.Before(t.Context(), limit, archive.Key{})
		require.NoError(t, err)
		if !ok {
			break
		}
		if key.Time == 31 {
			for i := range 4 {
				require.NoError(t, os.Remove(f.path(fmt.Sprint(i))))
			}
		}
		got, limit = append(got, key.Time), key
	}
	assert.Equal(t, []uint64{51, 50, 41, 40, 31, 30}, got)
	assert.Equal(t, "51 50 41 40 ", f.times())
	assert.Empty(t, f.logs.String())
}

// Two processes that have the same tag by chance cost nothing once their files were read.
func TestSameTag(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.add("1", frame(1, 1, 10), frame(4, 1, 10), frame(6, 1, 10))
	f.add("2", frame(2, 1, 10), frame(5, 1, 10))
	_ = f.times()
	assert.Equal(t, "6 5 4 2 1 ", f.times())
}

// A walk whose time is over goes on where it was, and what was read until then is known.
func TestTimeIsOver(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.add("1", frame(1, 1, 10), frame(2, 1, 10))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Walk(over, archive.Range{Before: archive.Last})
	require.ErrorIs(t, err, context.Canceled)
	w, err := f.Walk(t.Context(), archive.Range{Before: archive.Last})
	require.NoError(t, err)
	defer w.Close()
	_, _, _, err = w.Before(over, archive.Last, archive.Key{})
	require.ErrorIs(t, err, context.Canceled)
	key, _, ok, err := w.Before(t.Context(), archive.Last, archive.Key{})
	require.NoError(t, err)
	assert.True(t, ok)
	assert.EqualValues(t, 2, key.Time)
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, k := range []archive.Key{{}, {1, 0}, {1, 0xffff}, {0x189f3a, 7}, archive.Last} {
		got, ok := archive.ParseKey(k.String())
		assert.True(t, ok)
		assert.Equal(t, k, got)
		if k != (archive.Key{}) {
			assert.Equal(t, k, k.Previous().Next())
		}
		if k != archive.Last {
			assert.Equal(t, k, k.Next().Previous())
			assert.Positive(t, k.Next().Compare(k))
		}
	}
	assert.Equal(t, archive.Last, archive.Last.Next())
	assert.Equal(t, archive.Key{}, archive.Key{}.Previous())
	for _, id := range []string{"", "1-1", "00000001", "0000000000000001-00001", "000000000000000G-0001", "+000000000000001-0001"} {
		_, ok := archive.ParseKey(id)
		assert.False(t, ok, id)
	}
}

// Whatever a file has, a walk ends, and shows each key once.
func FuzzWalk(f *testing.F) {
	f.Add(append([]byte(tape.Magic), frame(1, 1, 10)...))
	f.Add(append(append([]byte(tape.Magic), frame(2, 1, 10)...), frame(1, 1, 10)...))
	f.Add([]byte(tape.Magic + "\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := newFolder(t)
		dir.add("1", frame(5, 2, 10))
		require.NoError(t, os.WriteFile(dir.path("2"), content, 0o600))
		first := keys(t.Context(), t, dir.Archive)
		assert.Contains(t, first, archive.Key{Time: 5, Tag: 2})
		assert.Equal(t, first, keys(t.Context(), t, dir.Archive))
	})
}

// A record that another one replaces after a walk has found its place is left out.
func TestReplacedRecord(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.add("a", frame(1, 1, 100), frame(2, 1, 100))
	w, err := f.Walk(t.Context(), archive.Range{Before: archive.Last})
	require.NoError(t, err)
	defer w.Close()
	key, _, ok, err := w.Before(t.Context(), archive.Last, archive.Key{})
	require.NoError(t, err)
	require.True(t, ok)
	content := slices.Concat([]byte(tape.Magic), frame(5, 1, 100), frame(6, 1, 100))
	require.NoError(t, os.WriteFile(f.path("a"), content, 0o600))
	_, _, ok, err = w.Before(t.Context(), key, archive.Key{})
	require.NoError(t, err)
	assert.False(t, ok)
}

// A file that cannot be opened for some time, as when there are too many open files, is shown
// again.
func TestFileCannotBeOpened(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.add("a", frame(1, 1, 100), frame(2, 1, 100), frame(3, 1, 100))
	f.add("b", frame(4, 2, 100))
	w, err := f.Walk(t.Context(), archive.Range{Before: archive.Last})
	require.NoError(t, err)
	defer w.Close()
	aside := f.path("a") + ".aside"
	require.NoError(t, os.Rename(f.path("a"), aside))
	require.NoError(t, os.Symlink(f.path("a"), f.path("a"))) // opening it is an error
	key, _, ok, err := w.Before(t.Context(), archive.Last, archive.Key{})
	require.NoError(t, err)
	require.True(t, ok)
	assert.EqualValues(t, 4, key.Time)
	_, _, ok, err = w.Before(t.Context(), key, archive.Key{})
	require.NoError(t, err)
	assert.False(t, ok)
	assert.Contains(t, f.logs.String(), "records of the folder cannot be shown")
	require.NoError(t, os.Rename(aside, f.path("a")))
	assert.Equal(t, "4 3 2 1 ", f.times())
}
