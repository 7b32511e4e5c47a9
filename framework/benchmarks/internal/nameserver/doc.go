// Package nameserver serves a zone over UDP and TCP, and counts the queries. It can stop to
// answer.
package nameserver
