package spool

import "math"

// Reservation is the part of a [Budget] that one user holds for something that
// grows in steps. The zero value holds nothing. It is used by one goroutine at a
// time and must not be copied while it holds anything.
type Reservation struct {
	budget *Budget
	needed int64 // bytes that Grow was asked for
	taken  int64 // bytes taken of the budget, never less than needed
}

// Grow reserves n more bytes of the budget and reports whether it got them. All
// calls until the next Release must pass the same budget.
//
// All users contend for the budget. To access it less often, Grow takes a
// quarter more than it needs, plus 4 KiB. If the budget does not have that much
// left, Grow takes exactly what it needs. If the budget does not have that
// either, Grow takes nothing and the reservation stays as it was.
func (r *Reservation) Grow(budget *Budget, n int64) bool {
	const step = 4 << 10
	if n > math.MaxInt64/4-r.needed {
		return false // no computer has that much, and the sums below must not overflow
	}
	needed := r.needed + n
	if needed > r.taken {
		ample := needed + needed/4 + step
		switch {
		case budget.Take(ample - r.taken):
			r.taken = ample
		case budget.Take(needed - r.taken):
			r.taken = needed
		default:
			return false
		}
		r.budget = budget
	}
	r.needed = needed
	return true
}

// Shrink takes back n bytes of what Grow was asked for. The reservation holds
// them until Release, and Grow uses them first.
func (r *Reservation) Shrink(n int64) { r.needed -= n }

// Needed returns the number of bytes that Grow was asked for and got.
func (r *Reservation) Needed() int64 { return r.needed }

// Release gives everything back to the budget. It is idempotent, and the
// reservation may grow again.
func (r *Reservation) Release() {
	if r.taken > 0 {
		r.budget.Give(r.taken)
	}
	*r = Reservation{}
}
