//go:build !race

package operations_test

// underRace reports whether the race detector is enabled.
const underRace = false
