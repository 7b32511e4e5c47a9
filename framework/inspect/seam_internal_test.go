package inspect

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect/internal/page"
	"github.com/sluicemail/sluice/framework/inspect/record"
	"github.com/sluicemail/sluice/framework/internal/tape"
)

// world is a folder with the processes that use it, and what they recorded.
type world struct {
	t      *testing.T
	config Config
	random *rand.Rand
	now    time.Time
	number int
	want   []string // the sessions of what was kept, oldest first
	given  map[*Inspector]uint64
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	return &world{
		t: t, random: rand.New(rand.NewPCG(seed, 9)), now: time.Now().Add(-time.Hour), given: make(map[*Inspector]uint64),
		// Of ordinary messages none is kept.
		config: Config{Folder: t.TempDir(), Memory: 1 << 20, FolderSize: 64 << 20, Share: -1, Logger: quiet()},
	}
}

// start starts a process.
func (w *world) start() *Inspector {
	w.t.Helper()
	in, err := New(w.config)
	require.NoError(w.t, err)
	return in
}

// record records messages of any size, a part of which is kept.
func (w *world) record(in *Inspector, n int) {
	w.t.Helper()
	for range n {
		w.number++
		w.now = w.now.Add(time.Duration(1 + w.random.IntN(1000)))
		session := fmt.Sprintf("n%06d", w.number)
		rec := sized(session, w.random.IntN(1+w.random.IntN(40_000)))
		rec.Ended, rec.Refused = w.now, w.random.IntN(3) > 0
		in.Record(&rec)
		if rec.Refused {
			w.want = append(w.want, session)
			w.given[in]++
		}
		if n := w.given[in]; n%20 == 0 { // the disk keeps up
			w.written(in)
		}
	}
}

// written waits until the folder has all records of a process.
func (w *world) written(in *Inspector) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		written, _ := in.folder.progress()
		return written == w.given[in]
	}, time.Minute, time.Millisecond)
}

// sized returns a recording of a session, with a header of a size.
func sized(session string, size int) framework.Recording {
	w := tape.NewWriter(64 << 10)
	w.Session(&tape.Session{Epoch: 1, ID: session, Peer: "unix"})
	w.Filter("filter", false)
	w.Time(1)
	w.Command('L', []byte("X\x00"+strings.Repeat("x", size)+"\x00"))
	w.End(&tape.End{State: tape.StateAccepted, Number: 1, Began: 1, Ended: 2, Filters: []tape.FilterEnd{{Called: true}}})
	return framework.Recording{Bytes: bytes.Clone(w.Bytes())}
}

// listed returns the sessions that the list shows, a page of any length at a time, oldest first.
func (w *world) listed(in *Inspector) (list []string) {
	w.t.Helper()
	for q := (page.Query{}); ; {
		q.Limit = 1 + w.random.IntN(60)
		found, next, _ := source{in}.Recent(w.t.Context(), q)
		for _, sum := range found {
			list = append(list, sum.Session)
		}
		if next == "" {
			slices.Reverse(list)
			return list
		}
		q.Before = next
	}
}

// check compares what the list shows with what was recorded.
func (w *world) check(in *Inspector, says string) {
	w.t.Helper()
	if got := w.listed(in); !slices.Equal(w.want, got) {
		require.Fail(w.t, says, "want %d, got %d, first difference at %d", len(w.want), len(got), differ(w.want, got))
	}
}

func differ(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// Whatever the sizes of the records: the list shows each record once, newest first, at any time:
// those that have left the ring, those of processes that ended, and those of a process that
// still runs beside. So does a single message.
func TestSeam(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			in := w.start()
			for range 4 {
				w.record(in, 20+w.random.IntN(150))
				w.check(in, "in one process")
			}
			other := w.start()
			for range 30 {
				w.record(in, w.random.IntN(6))
				w.record(other, w.random.IntN(6))
			}
			w.written(in)
			w.written(other)
			w.check(in, "of two processes, in one")
			w.check(other, "of two processes, in the other")
			require.NoError(t, in.Close())
			require.NoError(t, other.Close())
			in = w.start()
			w.check(in, "after a restart")
			w.record(in, 200)
			w.check(in, "in a third process")
			w.single(in)
			require.NoError(t, in.Close())
		})
	}
}

// single checks that each message of the list, and its file, can be read.
func (w *world) single(in *Inspector) {
	w.t.Helper()
	list, next, _ := source{in}.Recent(w.t.Context(), page.Query{Limit: len(w.want)})
	require.Empty(w.t, next)
	for _, sum := range list {
		m, err := source{in}.Message(w.t.Context(), sum.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, sum, m.Summary)
		raw, err := source{in}.Raw(w.t.Context(), sum.ID)
		require.NoError(w.t, err)
		for rec, err := range record.Read(bytes.NewReader(raw)) {
			require.NoError(w.t, err)
			again, err := record.DecodeSummary(rec)
			require.NoError(w.t, err)
			require.Equal(w.t, sum.ID, again.ID)
		}
	}
	_, err := source{in}.Message(w.t.Context(), list[len(list)/2].ID[:16]+"-0000")
	require.ErrorIs(w.t, err, page.ErrNotFound)
}

// A record that is damaged in the middle of a file, and one that a crash cut, cost only
// themselves.
func TestSeamOfDamagedFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 7)
	for range 3 {
		in := w.start()
		w.record(in, 60)
		require.NoError(t, in.Close())
	}
	files, err := filepath.Glob(filepath.Join(w.config.Folder, "*"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	content, err := os.ReadFile(files[1])
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(files[1], content, 0o600))
	content, err = os.ReadFile(files[2])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[2], content[:len(content)-5], 0o600))
	w.want = w.want[:0]
	faults := 0
	for m, err := range record.Open(w.config.Folder) {
		if err != nil {
			faults++
			continue
		}
		w.want = append(w.want, m.Session)
	}
	require.Equal(t, 2, faults)
	in := w.start()
	w.check(in, "after a restart")
	w.record(in, 200)
	w.check(in, "and when the ring was full")
	require.NoError(t, in.Close())
}

// While the oldest files leave and records come, a reader sees each record once, newest first,
// and no record delays another.
func TestSeamMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 11)
	w.config.FolderSize, w.config.MaxMessage = 2<<20, 64<<10
	in := w.start()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				list, _, _ := source{in}.Recent(context.Background(), page.Query{Limit: 10_000})
				assert.True(t, slices.IsSortedFunc(list, func(a, b record.Summary) int { return strings.Compare(b.ID, a.ID) }))
				for i := range list[:max(0, len(list)-1)] {
					if a, b := list[i].Session, list[i+1].Session; a <= b {
						assert.Fail(t, "not newest first", "%s %s", a, b)
					}
				}
			}
		})
	}
	for range 10 {
		w.record(in, 100)
	}
	close(done)
	wg.Wait()
	w.written(in)
	list := w.listed(in)
	assert.Greater(t, len(list), 40)
	assert.Less(t, len(list), len(w.want))
	assert.Equal(t, w.want[len(w.want)-len(list):], list, "the oldest have left, and no other")
	require.NoError(t, in.Close())
}

// If the clock was set back between two processes, IDs go on where they were: who follows the
// list misses nothing. A file from the future does not count.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.now = time.Now().Add(time.Hour)
	in := w.start()
	w.record(in, 30)
	require.NoError(t, in.Close())
	future := tape.AppendFrame([]byte(tape.Magic), tape.AppendID(nil, &tape.ID{Time: 1 << 63}))
	require.NoError(t, os.WriteFile(filepath.Join(w.config.Folder, "3"+record.Ext), future, 0o600))
	in = w.start()
	last := w.listed(in)
	assert.Equal(t, w.want, last)
	list, _, _ := source{in}.Recent(t.Context(), page.Query{Limit: 1})
	w.now = time.Now()
	w.record(in, 30)
	w.check(in, "after the clock was set back")
	news, _, _ := source{in}.Recent(t.Context(), page.Query{Limit: 100, After: list[0].ID, Live: true})
	assert.Len(t, news, len(w.want)-len(last))
	require.NoError(t, in.Close())
}

// Records of two processes that ended in the same nanosecond are both shown, in both processes.
func TestSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a, b := w.start(), w.start()
	a.tag, b.tag = 1, 2
	for i := range 5 {
		for _, in := range []*Inspector{a, b} {
			session := fmt.Sprint(i, in.tag)
			rec := sized(session, 10)
			rec.Ended, rec.Refused = w.now.Add(time.Duration(i)), true
			in.Record(&rec)
			w.want = append(w.want, session)
			w.given[in]++
			w.written(in)
		}
	}
	w.check(a, "in one")
	w.check(b, "in the other")
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
}

// A search whose time is over before it found anything says where to go on, and ends.
func TestSearchGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5)
	in := w.start()
	w.record(in, 300)
	w.written(in)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	list, next, _ := source{in}.Recent(over, page.Query{Limit: 10})
	assert.Empty(t, list)
	q, looked, rounds := page.Query{Limit: 10, Before: next}, 0, 0
	for q.Before != "" {
		ctx, cancel := context.WithCancel(t.Context())
		q.Match = func(*record.Summary) (wanted, end bool) {
			if looked++; looked%7 == 0 {
				cancel()
			}
			return false, false
		}
		list, q.Before, _ = source{in}.Recent(ctx, q)
		assert.Empty(t, list)
		cancel()
		rounds++
	}
	assert.Equal(t, len(w.want), looked)
	assert.Equal(t, len(w.want)/7+1, rounds)
	require.NoError(t, in.Close())
}
