// Command headerd edits header fields, and refuses or holds messages, by the
// rules of a file: package contrib/headers as a daemon, built with fx.
//
//	headerd -check -config headerd.yaml
//	headerd -config headerd.yaml -listen inet:9000@127.0.0.1
//
// SIGHUP has it read the file again.
package main
