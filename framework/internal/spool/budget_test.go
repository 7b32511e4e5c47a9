package spool_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/spool"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		limit int64
		first int64
		then  int64
		want  bool
	}{
		{"one below", 10, 4, 5, true},
		{"all of it", 10, 4, 6, true},
		{"one above", 10, 4, 7, false},
		{"more than there ever is", 10, 0, 1 << 62, false},
		{"no limit", 0, 1 << 40, 1 << 40, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := spool.Budget{Limit: tt.limit}
			require.True(t, b.Take(tt.first))
			assert.Equal(t, tt.want, b.Take(tt.then))
			if !tt.want {
				assert.Equal(t, tt.first, b.Used(), "what is refused takes nothing")
				return
			}
			assert.Equal(t, tt.first+tt.then, b.Used())
			b.Give(tt.first + tt.then)
			assert.Zero(t, b.Used())
		})
	}
}

// With concurrent users, a budget never gives out more than its limit.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	const limit = 100
	b := spool.Budget{Limit: limit}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := int64(1); n < 2000; n++ {
				if b.Take(n % 64) {
					assert.LessOrEqual(t, b.Used(), int64(limit))
					b.Give(n % 64)
				}
			}
		})
	}
	all.Wait()
	assert.Zero(t, b.Used())
}

// If the memory budget is used up, a body of any size goes to a file and
// returns its memory. If the disk budget is used up too, writing fails.
func TestBudgets(t *testing.T) {
	t.Parallel()
	const block = 8 << 10
	tests := []struct {
		name         string
		memory, disk int64
		size         int
		file         bool
		err          error
	}{
		{"in memory", block, 1, block, false, nil},
		{"a byte of memory short", block - 1, block, block, true, nil},
		{"a byte more than memory", block, block + 1, block + 1, true, nil},
		{"the disk to the byte", 1, block, block, true, nil},
		{"a byte of the disk short", 1, block - 1, block, true, spool.ErrNoRoom},
		{"no limits", 0, 0, 300_000, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			store := &spool.Store{Memory: spool.Budget{Limit: tt.memory}, Disk: spool.Budget{Limit: tt.disk}, Dir: dir}
			s := store.New()
			text := strings.Repeat("x", tt.size)
			_, err := s.Write([]byte(text[:tt.size/2]))
			if err == nil {
				_, err = s.Write([]byte(text[tt.size/2:]))
			}
			if tt.err != nil {
				require.ErrorIs(t, err, tt.err)
			} else {
				require.NoError(t, err)
				assert.Equal(t, text, content(t, &s))
			}
			assert.Equal(t, tt.file, open(t, dir) == 1)
			assert.Equal(t, tt.file, store.Memory.Used() == 0, "nothing is left in memory beside a file")
			require.NoError(t, s.Reset())
			assert.Zero(t, open(t, dir))
			assert.Zero(t, store.Memory.Used())
			assert.Zero(t, store.Disk.Used())
		})
	}
}

// Concurrent spools do not mix their data, and return everything to the
// budgets.
func TestStoreIsShared(t *testing.T) {
	t.Parallel()
	store := &spool.Store{Memory: spool.Budget{Limit: 300 << 10}, Disk: spool.Budget{Limit: 300 << 10}, Threshold: 90 << 10, Dir: t.TempDir()}
	var all sync.WaitGroup
	for user := range 6 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(user), 7))
			s, other := store.New(), store.New()
			for range 60 {
				fill(t, &s, rnd, string(rune('a'+user)))
				if rnd.IntN(3) == 0 {
					fill(t, &other, rnd, string(rune('A'+user)))
					assert.NoError(t, s.Replace(&other))
				}
				assert.NoError(t, s.Reset())
				assert.NoError(t, other.Reset())
			}
		})
	}
	all.Wait()
	assert.Zero(t, store.Memory.Used())
	assert.Zero(t, store.Disk.Used())
}

// fill writes random pieces of text and checks that the body can be read. It
// ignores a lack of room.
func fill(t *testing.T, s *spool.Spool, rnd *rand.Rand, letter string) {
	t.Helper()
	want := ""
	for range rnd.IntN(6) {
		piece := strings.Repeat(letter, rnd.IntN(40<<10))
		if _, err := s.Write([]byte(piece)); err != nil {
			assert.ErrorIs(t, err, spool.ErrNoRoom)
			return
		}
		want += piece
	}
	assert.Equal(t, want, content(t, s))
}
