package inspect_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect"
	"github.com/sluicemail/sluice/framework/inspect/record"
)

// After a restart the page shows the newest records of the folder, as files of their own too. The
// folder does not get them twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	rec, folder := recordingOf(t, short), filepath.Join(t.TempDir(), "records")
	first, err := inspect.New(inspect.Config{Folder: folder})
	require.NoError(t, err)
	for range 20 {
		first.Record(&rec)
	}
	before := list(t, first, "")
	require.Len(t, before, 20)
	require.NoError(t, first.Close())

	second, err := inspect.New(inspect.Config{Folder: folder})
	require.NoError(t, err)
	assert.Equal(t, before, list(t, second, ""))
	assert.Equal(t, before[7], whole(t, second, before[7].ID).Summary)
	for raw, err := range record.Read(bytes.NewReader(get(t, second, "/api/messages/"+before[7].ID+"/record"))) {
		require.NoError(t, err)
		sum, err := record.DecodeSummary(raw)
		require.NoError(t, err)
		assert.Equal(t, before[7], *sum)
	}
	assert.Zero(t, second.Stats().Seen, "they are not of this process")
	second.Record(&rec)
	after := list(t, second, "")
	require.Len(t, after, 21)
	assert.Equal(t, before, after[1:])
	require.NoError(t, second.Close())
	assert.Len(t, ids(t, folder), 21)
}

// A ring that is smaller than the folder is no limit. A file that cannot be read is logged and
// left out.
func TestRestartWithLargeFolder(t *testing.T) {
	t.Parallel()
	rec, folder := recordingOf(t, short), filepath.Join(t.TempDir(), "records")
	first, err := inspect.New(inspect.Config{Folder: folder})
	require.NoError(t, err)
	for range 5000 {
		first.Record(&rec)
	}
	newest := list(t, first, "limit=500")
	require.NoError(t, first.Close())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "9"+record.Ext), []byte("not a record"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "99"+record.Ext), nil, 0o600))

	var log bytes.Buffer
	second, err := inspect.New(inspect.Config{Folder: folder, Memory: 1 << 20, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	assert.Equal(t, newest, list(t, second, "limit=500"))
	require.NoError(t, second.Close())
	assert.Contains(t, log.String(), "9"+record.Ext)
}
