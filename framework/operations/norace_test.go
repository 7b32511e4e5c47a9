//go:build !race

package operations_test

// underRace tells whether the race detector is there.
const underRace = false
