// Command null is the baseline of the benchmark, the upper limit for a server
// in Go. It reads only the headers of frames and sends fixed replies for its
// workload. It has no timeouts, no limits, and no protection against hostile
// input.
package main
