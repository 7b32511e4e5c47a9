package inspect

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/tape"
)

// fill returns a record of a size whose bytes tell its number.
func fill(number, size int) []byte {
	rec := bytes.Repeat([]byte{byte(number)}, size)
	if size >= 8 {
		binary.BigEndian.PutUint64(rec, uint64(number))
	}
	return rec
}

// Whatever the sizes of the records: the ring has the latest ones, each as it came, in
// their order, and takes the memory that it was given.
func TestRing(t *testing.T) {
	t.Parallel()
	for _, sizes := range []struct{ least, most int }{{0, 20}, {100, 300}, {1, 5000}, {3000, 7000}, {8000, 8000}, {9000, 31_000}} {
		r, random := newRing(32<<10), rand.New(rand.NewPCG(1, uint64(sizes.most)))
		memory := cap(r.data) + cap(r.places)*placeSize
		assert.LessOrEqual(t, memory, 32<<10)
		var ids []uint64
		var recs [][]byte
		for n := range 2000 {
			rec := fill(n, sizes.least+random.IntN(sizes.most-sizes.least+1))
			ids = append(ids, r.add(tape.ID{Time: uint64(n / 3)}, rec)) // three records have the same time
			recs = append(recs, rec)
			count, size, written := r.figures()
			require.EqualValues(t, n+1, written)
			require.LessOrEqual(t, size, int64(len(r.data)))
			require.Positive(t, count)
			if n%50 != 0 {
				continue
			}
			id, from := ^uint64(0), n
			for from >= 0 {
				rec, older, ok := r.before(id, nil)
				if !ok {
					break
				}
				require.Equal(t, ids[from], older)
				require.True(t, bytes.HasSuffix(rec, recs[from]), "the %d. record", from)
				again, ok := r.get(older)
				require.True(t, ok)
				require.Equal(t, rec, again)
				id = older
				from--
			}
			require.Equal(t, count, n-from, "the others have left")
			if from >= 0 {
				_, ok := r.get(ids[from])
				require.False(t, ok)
			}
		}
		assert.Equal(t, memory, cap(r.data)+cap(r.places)*placeSize, "no more memory than at first")
	}
}

// A ring keeps nearly as many bytes as it has room for.
func TestRingIsUsed(t *testing.T) {
	t.Parallel()
	r := newRing(1 << 20)
	for n := range 5000 {
		r.add(tape.ID{}, fill(n, 700))
	}
	_, size, _ := r.figures()
	assert.Greater(t, size, int64(900<<10))
}

// A reader that keeps up sees each record once; one that does not is told how many left.
func TestRingAfter(t *testing.T) {
	t.Parallel()
	r := newRing(64 << 10)
	var seen uint64
	total, lost := 0, uint64(0)
	read := func(most int) {
		var left uint64
		seen, left = r.after(seen, most, func([]byte) { total++ })
		lost += left
	}
	for n := range 1000 {
		r.add(tape.ID{}, fill(n, 1000))
		if n < 500 {
			read(1)
		}
	}
	assert.Equal(t, 500, total)
	assert.Zero(t, lost)
	count, _, _ := r.figures()
	read(1 << 30)
	assert.EqualValues(t, 500-count, lost)
	assert.Equal(t, 500+count, total)
	read(1 << 30)
	assert.Equal(t, 500+count, total)
}

// Many goroutines add and read at the same time.
func TestRingRaces(t *testing.T) {
	t.Parallel()
	r := newRing(64 << 10)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range 500 {
				r.add(tape.ID{Time: uint64(n)}, fill(w, 100+n))
			}
		})
		wg.Go(func() {
			for range 500 {
				if rec, id, ok := r.before(^uint64(0), nil); ok {
					again, ok := r.get(id)
					assert.True(t, !ok || bytes.Equal(rec, again))
				}
			}
		})
	}
	wg.Wait()
	_, _, written := r.figures()
	assert.EqualValues(t, 2000, written)
}

// What waits is woken by the next record.
func TestRingWait(t *testing.T) {
	t.Parallel()
	r := newRing(1 << 20)
	woken := r.wait()
	select {
	case <-woken:
		require.Fail(t, "nothing came")
	default:
	}
	r.add(tape.ID{}, nil)
	<-woken
	assert.NotEqual(t, woken, r.wait())
}
