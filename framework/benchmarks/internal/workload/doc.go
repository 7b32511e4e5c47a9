// Package workload defines what the filters of the benchmark do and the
// messages that they get. All servers do the same, and the load generator can
// check their replies.
package workload
