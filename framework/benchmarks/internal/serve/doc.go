// Package serve contains what the benchmark's servers in Go have in common:
// their flags, and the report of their allocations.
package serve
