package inspect_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// capture is a Recorder that keeps the last recording.
type capture struct {
	mu     sync.Mutex
	limits framework.RecordLimits
	last   framework.Recording
}

// RecordLimits implements framework.Recorder.
func (c *capture) RecordLimits() framework.RecordLimits { return c.limits }

// Record implements framework.Recorder.
func (c *capture) Record(r *framework.Recording) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = *r
	c.last.Bytes = bytes.Clone(r.Bytes)
}

// recordingOf returns the recording of a message that the filter accepts.
func recordingOf(t testing.TB, text string) framework.Recording {
	t.Helper()
	c := &capture{limits: framework.RecordLimits{Bytes: 1 << 20, Header: true, Body: true}}
	filter := miltertest.FilterFunc("filter", func(r *framework.Router) error {
		r.ObserveHeader(func(*framework.Session, *framework.Header) error { return nil })
		r.ObserveBody(func(*framework.Session, *framework.Body) error { return nil })
		r.OnEndOfMessage(func(*framework.Session, *framework.EndOfMessage) (framework.Verdict, error) {
			return framework.Accept, nil
		})
		return nil
	})
	miltertest.Run(t, filter, miltertest.Message(text, miltertest.QueueID("4ABC")),
		miltertest.Configure(func(cfg *framework.Config) { cfg.Recorder = c }))
	require.NotEmpty(t, c.last.Bytes)
	return c.last
}

const short = "From: ann@example.org\nSubject: short\n\nHello\n"

// sizeOf returns the size of all files of a folder.
func sizeOf(t testing.TB, folder string) (size int64, files int) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range slices.Backward(entries) { // the newest first: it grows when an older one has left
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		size += info.Size()
		files++
	}
	return size, files
}

// ids returns the IDs of the records in a folder, and fails at an error.
func ids(t testing.TB, folder string) (list []string) {
	t.Helper()
	for m, err := range record.Open(folder) {
		require.NoError(t, err)
		list = append(list, m.ID)
	}
	return list
}

// What is in the ring is in the folder when the Inspector is closed, in order; another
// process adds to it; only the user may read it.
func TestFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "deep", "folder")
	rec := recordingOf(t, short)
	want := 0
	for range 3 {
		in, err := inspect.New(inspect.Config{Folder: folder})
		require.NoError(t, err)
		for range 100 {
			rec.Ended = time.Now()
			in.Record(&rec)
			want++
		}
		require.NoError(t, in.Close())
		list := ids(t, folder)
		require.Len(t, list, want)
		assert.True(t, slices.IsSorted(list), "in the order of time")
	}
	info, err := os.Stat(folder)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	files, err := filepath.Glob(filepath.Join(folder, "*"+record.Ext))
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
}

// An Inspector without records leaves no file.
func TestFolderWithoutRecords(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	in, err := inspect.New(inspect.Config{Folder: folder})
	require.NoError(t, err)
	require.NoError(t, in.Close())
	_, files := sizeOf(t, folder)
	assert.Zero(t, files)
}

// The oldest records leave, and the files never exceed the limit.
func TestFolderBound(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	folder := t.TempDir()
	rec := recordingOf(t, short)
	in, err := inspect.New(inspect.Config{Folder: folder, FolderSize: limit, MaxMessage: 64 << 10})
	require.NoError(t, err)
	for n := range 4000 {
		in.Record(&rec)
		if n%100 == 0 {
			size, _ := sizeOf(t, folder)
			require.LessOrEqual(t, size, int64(limit))
		}
	}
	require.NoError(t, in.Close())
	size, files := sizeOf(t, folder)
	assert.LessOrEqual(t, size, int64(limit))
	assert.Greater(t, size, int64(limit/2))
	assert.Greater(t, files, 2)
	list := ids(t, folder)
	newest, err := record.DecodeSummary(rec.Bytes)
	require.NoError(t, err)
	assert.Equal(t, "short", newest.Subject)
	assert.True(t, slices.IsSorted(list))
	assert.Greater(t, len(list), 300)
}

// A record that a crash cut is reported, and those before it are there. The next process
// goes on.
func TestFolderAfterCrash(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	rec := recordingOf(t, short)
	write := func() {
		in, err := inspect.New(inspect.Config{Folder: folder})
		require.NoError(t, err)
		for range 10 {
			in.Record(&rec)
		}
		require.NoError(t, in.Close())
	}
	write()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(files[0], info.Size()-10))
	write()
	found, torn := 0, 0
	for _, err := range record.Open(folder) {
		if err != nil {
			require.ErrorIs(t, err, record.ErrTorn)
			require.ErrorContains(t, err, files[0])
			torn++
			continue
		}
		found++
	}
	assert.Equal(t, 19, found)
	assert.Equal(t, 1, torn)
}

// Two processes may use a folder at the same time, as after a hand-over: no record is
// damaged, and both together stay within the limit, but for what one writes at once.
func TestFolderOfTwoProcesses(t *testing.T) {
	t.Parallel()
	const limit, batch = 1 << 20, 128 << 10
	folder := t.TempDir()
	rec := recordingOf(t, short)
	var wg sync.WaitGroup
	for range 2 {
		in, err := inspect.New(inspect.Config{Folder: folder, FolderSize: limit, MaxMessage: 64 << 10})
		require.NoError(t, err)
		wg.Go(func() {
			for range 3000 {
				in.Record(&rec)
			}
			assert.NoError(t, in.Close())
		})
	}
	wg.Wait()
	size, _ := sizeOf(t, folder)
	assert.LessOrEqual(t, size, int64(limit+batch))
	assert.NotEmpty(t, ids(t, folder))
}

// If the folder cannot be written, that is logged once, mail goes on, and records are
// written again when the cause is gone.
func TestFolderThatFails(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "folder")
	rec := recordingOf(t, short)
	var logs syncBuffer
	in, err := inspect.New(inspect.Config{Folder: folder, Logger: slog.New(slog.NewTextHandler(&logs, nil))})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(folder))
	require.NoError(t, os.WriteFile(folder, nil, 0o600)) // no directory any more
	in.Record(&rec)
	require.Eventually(t, func() bool { return bytes.Contains(logs.bytes(), []byte("cannot be written")) }, time.Minute, time.Millisecond)
	for range 100 {
		in.Record(&rec)
	}
	require.NoError(t, os.Remove(folder))
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.Eventually(t, func() bool { return bytes.Contains(logs.bytes(), []byte("again")) }, time.Minute, time.Millisecond)
	require.NoError(t, in.Close())
	assert.Len(t, ids(t, folder), 101, "none is lost")
	assert.Equal(t, 1, bytes.Count(logs.bytes(), []byte("cannot be written")))
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.b.Bytes())
}
