// Fxapp is a mail filter as an fx application: two filters in their lanes, what
// they depend on, a middleware of its own, and settings from flags.
//
//	fxapp -listen inet:9000@127.0.0.1 -deny denylist.txt
//
// See README.md.
package main
