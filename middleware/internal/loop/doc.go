// Package loop gives a router the same message again and again, over a
// connection that costs nothing: for the benchmarks of middleware, and for tests
// that count allocations.
package loop
