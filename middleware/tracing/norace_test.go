//go:build !race

package tracing_test

const poolLosses = 0.0
