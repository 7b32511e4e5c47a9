package spool_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/spool"
)

func TestReservation(t *testing.T) {
	t.Parallel()
	const step = 4 << 10
	type grow struct {
		n    int64
		ok   bool
		used int64 // of the budget, afterwards
	}
	tests := []struct {
		name  string
		limit int64
		grows []grow
	}{
		{"nothing", 1, []grow{{0, true, 0}}},
		{"a quarter more and a step", 10_000, []grow{{4000, true, 5000 + step}}},
		{"exactly as much as there is", 5000 + step, []grow{{4000, true, 5000 + step}}},
		{"what it needs, if there is no more", 5000 + step - 1, []grow{{4000, true, 4000}}},
		{"the last byte", 4000, []grow{{4000, true, 4000}}},
		{"a byte too many", 3999, []grow{{4000, false, 0}}},
		{"more than there is anywhere", 0, []grow{{math.MaxInt64, false, 0}, {math.MaxInt64 / 2, false, 0}, {1, true, step + 1}, {math.MaxInt64, false, step + 1}}},
		{"no limit", 0, []grow{{4 << 20, true, 5<<20 + step}}},
		{"from what it took before", step + 5, []grow{{4, true, step + 5}, {step, true, step + 5}, {1, true, step + 5}, {1, false, step + 5}}},
		{"more than it took before", 4 * step, []grow{{0, true, 0}, {1, true, step + 1}, {2 * step, true, 3*step + step/2 + 1}}},
		{"exactly, then refused, then less", 100, []grow{{60, true, 60}, {41, false, 60}, {40, true, 100}, {1, false, 100}, {0, true, 100}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			budget := spool.Budget{Limit: tt.limit}
			var r spool.Reservation
			for range 2 { // a released reservation is as good as a new one
				for i, g := range tt.grows {
					assert.Equal(t, g.ok, r.Grow(&budget, g.n), "step %d", i)
					assert.Equal(t, g.used, budget.Used(), "step %d", i)
				}
				r.Release()
				assert.Zero(t, budget.Used())
				r.Release()
				assert.Zero(t, budget.Used(), "a second Release gives nothing back")
			}
		})
	}
}

// What is taken back serves the next need.
func TestReservationShrinks(t *testing.T) {
	t.Parallel()
	budget := spool.Budget{Limit: 100}
	var r spool.Reservation
	require.True(t, r.Grow(&budget, 80))
	r.Shrink(50)
	assert.Equal(t, int64(30), r.Needed())
	require.True(t, r.Grow(&budget, 70))
	assert.False(t, r.Grow(&budget, 1))
	assert.Equal(t, int64(100), budget.Used())
	r.Release()
	assert.Zero(t, budget.Used())
}

// The users of a budget together get no more than its limit. When one of them
// releases its part, the others keep theirs.
func TestReservationsShareABudget(t *testing.T) {
	t.Parallel()
	budget := spool.Budget{Limit: 10_000}
	var a, b spool.Reservation
	require.True(t, a.Grow(&budget, 6000))
	assert.False(t, b.Grow(&budget, 4001))
	require.True(t, b.Grow(&budget, 4000))
	assert.Equal(t, int64(10_000), budget.Used())
	a.Release()
	assert.Equal(t, int64(4000), budget.Used())
	b.Release()
	assert.Zero(t, budget.Used())
}

func TestReservationDoesNotAllocate(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the allocations of all goroutines
	budget := spool.Budget{Limit: 10_000}
	var r spool.Reservation
	allocs := testing.AllocsPerRun(100, func() {
		for r.Grow(&budget, 1000) {
		}
		r.Release()
		r.Release()
	})
	assert.Zero(t, allocs)
	assert.Zero(t, budget.Used())
}
