// Command load sends messages to a filter of the benchmark, as Postfix would,
// checks its replies, and prints how fast it was. It exits with 1 if a reply
// was wrong or a connection failed.
package main
