// Package canon brings header fields and bodies into the canonical forms that
// DKIM signs: simple and relaxed, RFC 6376 section 3.4.
//
// A body is read once, in pieces of any size, and in bounded memory. Stretches
// that are canonical already, which is nearly all of most mail, go to the hash
// from where they are.
package canon
