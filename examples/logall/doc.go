// Logall logs all that a mail server tells a filter: each stage, with its data
// and its macros. It changes nothing and holds nothing up.
//
//	logall -listen inet:9000@127.0.0.1 -log-format json
//
// See README.md.
package main
