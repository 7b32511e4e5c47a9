// Command peers measures the servers of the benchmark side by side, and writes
// what it found into a document.
package main
