//go:build !race

package metrics_test

const poolLosses = 0.0
