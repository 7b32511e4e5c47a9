// Package canon converts header fields and bodies to the canonical forms that
// DKIM signs: simple and relaxed (RFC 6376 section 3.4).
//
// A body is processed in one pass, in pieces of any size and in bounded memory.
// Ranges that are already canonical, which is nearly all of most mail, are
// passed on without copying.
package canon
