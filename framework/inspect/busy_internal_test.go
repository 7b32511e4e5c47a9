package inspect

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/inspect/internal/archive"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// While the disk hangs under a reader, the list shows what is in memory, and says that records of
// other processes may be missing and, at its end, that there may be more.
func TestDiskHangsUnderReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	in := w.start()
	w.record(in, 30)
	w.written(in)
	_, _, partial := source{in}.Recent(t.Context(), page.Query{Limit: 1000})
	assert.False(t, partial)
	w.hang(in)
	_, _, partial = source{in}.Recent(t.Context(), page.Query{Limit: 1})
	assert.True(t, partial, "a record of another process may be newer")
	list, next, partial := source{in}.Recent(t.Context(), page.Query{Limit: 1000})
	assert.True(t, partial)
	assert.Len(t, list, len(w.want))
	assert.Equal(t, list[len(list)-1].ID, next)
	_, err := source{in}.Message(t.Context(), list[0].ID)
	require.NoError(t, err, "it is in the ring")
	_, err = source{in}.Message(t.Context(), "0000000000000001-0001")
	require.ErrorIs(t, err, page.ErrBusy)
	w.record(in, 30) // which waits until the folder has them
	require.NoError(t, in.Close())
}

// hangs is the context of a reader that hangs when it looks at it.
type hangs struct {
	context.Context
	once          *sync.Once
	hung, release chan struct{}
}

func (h hangs) Err() error {
	h.once.Do(func() {
		close(h.hung)
		<-h.release
	})
	return h.Context.Err()
}

// hang lets a reader of the folder hang until the end of the test.
func (w *world) hang(in *Inspector) {
	w.t.Helper()
	file := tape.AppendFrame([]byte(tape.Magic), tape.AppendID(nil, &tape.ID{Time: 1}))
	require.NoError(w.t, os.WriteFile(filepath.Join(w.config.Folder, "0"+record.Ext), file, 0o600))
	h := hangs{w.t.Context(), new(sync.Once), make(chan struct{}), make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		walk, err := in.folder.all.Walk(h, archive.Range{Before: archive.Last})
		if err == nil {
			walk.Close()
		}
	})
	w.t.Cleanup(func() {
		close(h.release)
		wg.Wait()
	})
	<-h.hung
}

// While the disk hangs, those who follow the list see what is in memory, although what they saw
// last is not there, as after a restart.
func TestDiskHangsUnderFollower(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		in := w.start()
		w.record(in, 30)
		w.written(in)
		w.hang(in)
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond) // that of a stream
		defer cancel()
		list, next, _ := source{in}.Recent(ctx, page.Query{Limit: 1000, After: "0000000000000001-0001", Live: true})
		assert.Len(t, list, len(w.want))
		assert.NotEmpty(t, next)
		require.NoError(t, in.Close())
	})
}
