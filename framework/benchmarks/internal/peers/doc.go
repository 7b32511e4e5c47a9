// Package peers compares the servers of the benchmark. It builds and starts
// them, puts load on them in turn in several rounds, reads their resource usage
// from the operating system, and writes tables.
package peers
