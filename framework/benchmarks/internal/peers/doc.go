// Package peers measures servers of the benchmark beside each other: it builds
// and starts them, puts load on one after the other, in rounds, reads from the
// operating system what each took, and writes tables.
package peers
