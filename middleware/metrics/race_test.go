//go:build race

package metrics_test

// poolLosses is the number of additional allocations of a message under the race
// detector, where sync.Pool drops items at random.
const poolLosses = 5.0
