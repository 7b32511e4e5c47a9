//go:build !race

package framework_test

const poolLosses = 0.0
