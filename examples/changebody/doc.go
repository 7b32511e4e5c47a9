// Changebody replaces the body of each message with a text.
//
//	changebody -listen inet:9000@127.0.0.1 -text "removed"
//
// See README.md.
package main
