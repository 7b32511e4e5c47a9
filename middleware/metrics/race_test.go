//go:build race

package metrics_test

// poolLosses is how many allocations of a message come on top where a sync.Pool
// forgets what it was given now and then, so that races show.
const poolLosses = 5.0
