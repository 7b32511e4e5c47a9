package inspect

import (
	"flag"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/internal/race"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// million is the number of messages of TestMillion. CI runs it with -million, and without
// the race detector, which has little to see in so many equal messages.
var million = flag.Bool("million", false, "send a million messages through the ring and the folder")

// A million short messages go through the default ring and folder. The memory of the ring
// and the size of the folder stay within their limits, and so does the heap.
//
//nolint:paralleltest // memory is measured for the whole process
func TestMillion(t *testing.T) {
	messages := 100_000
	switch {
	case *million:
		messages = 1_000_000
	case race.Enabled:
		messages = 20_000
	}
	folder := t.TempDir()
	in, err := New(Config{Folder: folder, Logger: quiet()})
	require.NoError(t, err)
	rec := aRecording()
	memory := cap(in.ring.data) + cap(in.ring.places)*placeSize
	assert.LessOrEqual(t, memory, 64<<20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const senders, each = 4, 5000
	for sent := 0; sent < messages; sent += senders * each {
		var wg sync.WaitGroup
		for range senders {
			wg.Go(func() {
				for range each {
					in.Record(&rec)
				}
			})
		}
		wg.Wait()
		require.Eventually(t, func() bool { // so that the folder is filled, too
			written, dropped := in.folder.progress()
			return written+dropped == uint64(sent+senders*each)
		}, time.Minute, time.Millisecond)
	}
	require.NoError(t, in.Close())
	runtime.GC()
	runtime.ReadMemStats(&after)
	_, _, written := in.ring.figures()
	assert.EqualValues(t, messages, written)
	assert.Equal(t, memory, cap(in.ring.data)+cap(in.ring.places)*placeSize)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(8<<20), "the heap does not grow")
	files, used, err := in.folder.list()
	require.NoError(t, err)
	assert.LessOrEqual(t, used, int64(256<<20))
	_, dropped := in.folder.progress()
	assert.Zero(t, dropped)
	if full := int64(messages) * int64(len(rec.Bytes)); full > 256<<20 {
		assert.Greater(t, used, int64(200<<20), "the folder is used")
	}
	t.Logf("%d messages of %d bytes: the folder has %d files of %d bytes", messages, len(rec.Bytes), len(files), used)
}

// aRecording returns a recording of usual size.
func aRecording() framework.Recording {
	w := tape.NewWriter(64 << 10)
	w.Session(&tape.Session{Epoch: 1, ID: "0b6b2b5e-4f55-4c3e-8d5c-6f1d2a3b4c5d", Peer: "unix"})
	w.Filter("filter", false)
	w.Time(1)
	for range 20 {
		w.Command('L', []byte("X-Field\x00a value of usual length, as it is\x00"))
	}
	w.Reply('c', nil)
	w.End(&tape.End{State: tape.StateAccepted, Number: 1, Began: 1, Ended: 2, Filters: []tape.FilterEnd{{Called: true}}})
	return framework.Recording{Bytes: w.Bytes(), Ended: time.Now()}
}
