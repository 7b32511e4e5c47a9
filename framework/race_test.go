//go:build race

package framework_test

// poolLosses is how many allocations of a message that is kept come on top where
// a sync.Pool forgets what it was given now and then, so that races show.
const poolLosses = 8.0
