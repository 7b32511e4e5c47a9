//go:build race

package framework_test

// poolLosses is the number of additional allocations for a message that is
// kept. With the race detector, a sync.Pool randomly drops objects.
const poolLosses = 8.0
