//go:build !race

package middleware_test

const poolLosses = 0.0
