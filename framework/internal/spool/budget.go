package spool

import "sync/atomic"

// Budget bounds what many users take together, in bytes. Its methods may be
// called from any goroutine.
type Budget struct {
	// Limit is the most that is given out; zero means no limit. It is set
	// before the first Take.
	Limit int64

	used atomic.Int64
}

// Take asks for n bytes and reports whether they were given. One that is
// refused takes nothing, and is in nobody's way.
func (b *Budget) Take(n int64) bool {
	for {
		used := b.used.Load()
		if b.Limit > 0 && n > b.Limit-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Give takes n bytes back.
func (b *Budget) Give(n int64) { b.used.Add(-n) }

// Used returns the number of bytes that are given out.
func (b *Budget) Used() int64 { return b.used.Load() }
