// Command load sends messages to a filter of the benchmark as Postfix would,
// checks the replies, and prints the throughput. It exits with status 1 if a
// reply was wrong or a connection failed.
package main
