// Clamav has clamd look for viruses in each message, and refuses, quarantines or
// marks the messages in which clamd finds one.
//
//	clamav -clamd /run/clamav/clamd.ctl -infected quarantine
//
// See README.md.
package main
