// Command headerd edits header fields, and refuses or holds messages, by rules
// in a configuration file. It is an fx application that runs the filter of
// package contrib/headers as a daemon.
//
//	headerd -check -config headerd.yaml
//	headerd -config headerd.yaml -listen inet:9000@127.0.0.1
//
// SIGHUP makes it reload the file. With -handover, SIGUSR2 makes it hand its
// sockets over to a new process.
package main
