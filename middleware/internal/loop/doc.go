// Package loop sends the same message to a router over and over, on a
// connection in memory that costs almost nothing. The benchmarks of middleware
// use it, and tests that count allocations.
package loop
