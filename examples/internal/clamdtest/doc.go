// Package clamdtest serves a clamd for tests of filters that ask one. It understands
// INSTREAM, the one command that these filters send, and finds or does what a test says.
package clamdtest
