// Logall logs everything that a mail server sends to a filter: each stage with
// its data and its macros. It changes nothing and delays nothing.
//
//	logall -listen inet:9000@127.0.0.1 -log-format json
//
// See README.md.
package main
