// Package serve is what the servers of the benchmark that are written in Go
// share: their flags, and how they tell what they allocated.
package serve
