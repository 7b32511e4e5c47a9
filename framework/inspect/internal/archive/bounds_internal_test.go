package archive

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// write writes a file with n records.
func write(t *testing.T, path string, from, n, size int) {
	t.Helper()
	content := []byte(tape.Magic)
	for i := range n {
		id := tape.AppendID(nil, &tape.ID{Time: uint64(from + i)})
		content = tape.AppendFrame(content, append(id, make([]byte, size)...))
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

// The index has a mark every block, and not one for each record. A walk has blocks of a few files.
func TestIndexIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := New(dir, 1<<20, slog.New(slog.DiscardHandler))
	const files = 10
	total := int64(0)
	for i := range files {
		path := filepath.Join(dir, fmt.Sprint(i)+record.Ext)
		write(t, path, 1+i*10_000, 2000, 50)
		info, err := os.Stat(path)
		require.NoError(t, err)
		total += info.Size()
	}
	w, err := a.Walk(t.Context(), Range{Before: Last})
	require.NoError(t, err)
	seen := 0
	for limit := Last; ; seen++ {
		key, _, ok, err := w.Before(t.Context(), limit, Key{})
		require.NoError(t, err)
		if !ok {
			break
		}
		assert.LessOrEqual(t, len(w.loads), maxLoads)
		limit = key
	}
	assert.Equal(t, files*2000, seen)
	marks := int64(0)
	for _, f := range a.files {
		marks += int64(len(f.marks))
	}
	assert.LessOrEqual(t, marks, total/leastBlock+files)
	w.Close()
	assert.Empty(t, w.loads)
}

// Many files that overlap each other are shown, with few blocks and descriptors.
func TestManyFilesOverlap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := New(dir, 1<<20, slog.New(slog.DiscardHandler))
	const files, each = 30, 10
	for i := range files {
		content := []byte(tape.Magic)
		for n := range each {
			content = tape.AppendFrame(content, tape.AppendID(nil, &tape.ID{Time: uint64(n + 1), Tag: uint16(i)}))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)+record.Ext), content, 0o600))
	}
	w, err := a.Walk(t.Context(), Range{Before: Last})
	require.NoError(t, err)
	defer w.Close()
	seen, limit := 0, Last
	for ; ; seen++ {
		key, _, ok, err := w.Before(t.Context(), limit, Key{})
		require.NoError(t, err)
		if !ok {
			break
		}
		require.Negative(t, key.Compare(limit))
		require.LessOrEqual(t, len(w.loads), maxLoads)
		limit = key
	}
	assert.Equal(t, files*each, seen)
}

// Zeros behind the last record are read once, and not by each walk.
func TestZerosAreReadOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, path := New(dir, 1<<20, slog.New(slog.DiscardHandler)), filepath.Join(dir, "1"+record.Ext)
	write(t, path, 1, 3, 10)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, int64(len(content)+9<<20)))
	for range 2 {
		w, err := a.Walk(t.Context(), Range{Before: Last})
		require.NoError(t, err)
		_, _, ok, err := w.Before(t.Context(), Last, Key{})
		require.NoError(t, err)
		assert.True(t, ok)
		w.Close()
	}
	f := a.files[path]
	assert.True(t, f.whole())
	_, to, _ := f.blockBefore(Last)
	assert.EqualValues(t, len(content), to)
}

// Of very many files the newest are looked at.
func TestVeryManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := New(dir, 1<<20, slog.New(slog.DiscardHandler))
	for i := range maxFiles + 100 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d%s", i, record.Ext)), nil, 0o600))
	}
	sizes, err := a.list()
	require.NoError(t, err)
	assert.Len(t, sizes, maxFiles)
	assert.NotContains(t, sizes, filepath.Join(dir, "000099"+record.Ext))
}

// If the disk hangs under one reader, the others are told so, in bounded time.
func TestBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "1"+record.Ext), 1, 3, 10)
		a := New(dir, 1<<20, slog.New(slog.DiscardHandler))
		w, err := a.Walk(t.Context(), Range{Before: Last})
		require.NoError(t, err)
		defer w.Close()
		a.lock <- struct{}{}
		_, err = a.Walk(t.Context(), Range{Before: Last})
		require.ErrorIs(t, err, ErrBusy)
		_, _, _, err = w.Before(t.Context(), Last, Key{})
		require.ErrorIs(t, err, ErrBusy)
		a.release()
		key, _, ok, err := w.Before(t.Context(), Last, Key{})
		require.NoError(t, err)
		assert.True(t, ok)
		assert.EqualValues(t, 3, key.Time)
	})
}
