// Httpscan asks a scanner about each message over HTTP, as rspamd's clients do, and
// does what the scanner answers: it refuses the message, or adds, removes and changes
// header fields.
//
//	httpscan -url http://127.0.0.1:11333/checkv2
//
// See README.md.
package main
