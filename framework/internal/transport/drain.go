package transport

import (
	"sync/atomic"
	"time"
)

// Drain tells the connections of a server that it shuts down, and since when. The
// zero value means that the server is not shutting down. It is safe for
// concurrent use.
type Drain struct {
	began  atomic.Pointer[time.Time]
	closed atomic.Bool
}

// Close records that the server closes its connections.
func (d *Drain) Close() { d.closed.Store(true) }

// Begin starts the shutdown and returns when it was started first.
func (d *Drain) Begin() time.Time {
	now := time.Now()
	d.began.CompareAndSwap(nil, &now)
	return *d.began.Load()
}

// Begun reports whether the server shuts down.
func (d *Drain) Begun() bool { return d.began.Load() != nil }

// exceeded reports whether the server has been shutting down for the grace at a time.
func (d *Drain) exceeded(now time.Time, grace time.Duration) bool {
	began := d.began.Load()
	return began != nil && !now.Before(began.Add(grace))
}
