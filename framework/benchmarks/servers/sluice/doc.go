// Command sluice runs the benchmark's workloads with Sluice.
package main
