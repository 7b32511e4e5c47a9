// Package workload says what the filters of the benchmark do, and to which
// messages, so that all servers do the same and the load generator can tell
// whether they did.
package workload
