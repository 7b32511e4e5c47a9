// Command peers measures the servers of the benchmark in turn and writes the
// tables into a document.
package main
