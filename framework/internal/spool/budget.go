package spool

import (
	"math"
	"sync/atomic"
)

// Budget limits the number of bytes that all of its users take together. Its
// methods are safe for concurrent use.
type Budget struct {
	// Limit is the maximum number of bytes taken. Zero means no limit. It
	// must be set before the first Take.
	Limit int64

	used atomic.Int64
}

// Take requests n bytes and reports whether it got them. A refused request
// takes nothing.
func (b *Budget) Take(n int64) bool {
	for {
		used := b.used.Load()
		limit := b.Limit
		if limit == 0 {
			limit = math.MaxInt64
		}
		if n > limit-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Give returns n bytes to the budget.
func (b *Budget) Give(n int64) { b.used.Add(-n) }

// Used returns the number of bytes taken.
func (b *Budget) Used() int64 { return b.used.Load() }
