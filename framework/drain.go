package framework

import (
	"sync/atomic"
	"time"
)

// drain tells the sessions of a server that it shuts down, and since when.
type drain struct{ began atomic.Pointer[time.Time] }

// begin says so, and returns when that was said first.
func (d *drain) begin() time.Time {
	now := time.Now()
	d.began.CompareAndSwap(nil, &now)
	return *d.began.Load()
}

// on reports whether the server shuts down.
func (d *drain) on() bool { return d.began.Load() != nil }

// over reports whether it has done so for as long as the grace.
func (d *drain) over(now time.Time, grace time.Duration) bool {
	began := d.began.Load()
	return began != nil && !now.Before(began.Add(grace))
}
