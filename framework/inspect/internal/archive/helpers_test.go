package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/internal/archive"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// most is the length of the largest record that the tests show.
const most = 1 << 20

// folder is a folder of a test, and an archive of it.
type folder struct {
	*archive.Archive
	t    *testing.T
	dir  string
	logs bytes.Buffer
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	f := &folder{t: t, dir: t.TempDir()}
	f.Archive = f.reopened()
	return f
}

// reopened returns an archive that knows nothing of the folder.
func (f *folder) reopened() *archive.Archive {
	return archive.New(f.dir, most, slog.New(slog.NewTextHandler(&f.logs, nil)))
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name+record.Ext) }

// add adds bytes to a file, which begins as it should.
func (f *folder) add(name string, content ...[]byte) {
	f.t.Helper()
	file, err := os.OpenFile(f.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(f.t, err)
	if info, err := file.Stat(); err == nil && info.Size() == 0 {
		content = append([][]byte{[]byte(tape.Magic)}, content...)
	}
	_, err = file.Write(bytes.Join(content, nil))
	require.NoError(f.t, err)
	require.NoError(f.t, file.Close())
}

// rec returns a record with a key and a size.
func rec(key archive.Key, size int) []byte {
	return append(tape.AppendID(nil, &tape.ID{Time: key.Time, Tag: key.Tag}), make([]byte, size)...)
}

func frame(at uint64, tag uint16, size int) []byte {
	return tape.AppendFrame(nil, rec(archive.Key{Time: at, Tag: tag}, size))
}

// keys returns the keys of all records, newest first.
func keys(ctx context.Context, t *testing.T, a *archive.Archive) (list []archive.Key) {
	t.Helper()
	w, err := a.Walk(ctx, archive.Range{Before: archive.Last})
	require.NoError(t, err)
	defer w.Close()
	for limit := archive.Last; ; {
		key, rec, ok, err := w.Before(ctx, limit, archive.Key{})
		require.NoError(t, err)
		if !ok {
			return list
		}
		found, ok := archive.KeyOf(rec)
		require.True(t, ok)
		assert.Equal(t, key, found)
		require.Negative(t, key.Compare(limit))
		list, limit = append(list, key), key
	}
}

// times returns the times of all records in words.
func (f *folder) times() (list string) {
	for _, k := range keys(f.t.Context(), f.t, f.Archive) {
		list += fmt.Sprint(k.Time, " ")
	}
	return list
}
