//go:build race

package middleware_test

// poolLosses is the number of additional allocations of a log line under the race
// detector, where sync.Pool drops items at random.
const poolLosses = 4.0
