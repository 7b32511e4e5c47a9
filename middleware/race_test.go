//go:build race

package middleware_test

// poolLosses is how many allocations of a line of the log come on top where a
// sync.Pool forgets what it was given now and then, so that races show.
const poolLosses = 4.0
