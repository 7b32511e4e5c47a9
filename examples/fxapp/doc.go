// Fxapp is a mail filter as an fx application. It shows two filters, their
// dependencies, a middleware, and settings from flags.
//
//	fxapp -listen inet:9000@127.0.0.1 -deny denylist.txt
//
// See README.md.
package main
