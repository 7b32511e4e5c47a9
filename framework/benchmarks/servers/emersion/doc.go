// Command emersion runs the benchmark's workloads with emersion/go-milter.
package main
