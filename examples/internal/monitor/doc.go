// Package monitor is what the daemons among the examples show of themselves: what
// Prometheus asks for, and the probes, at an address of its own.
package monitor
