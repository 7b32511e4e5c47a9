// Package signed holds what DKIM (RFC 6376) and ARC (RFC 8617) have in common: the fields
// and the body of a message that a signature covers, their hashes, and the form in which a
// signature is written. It knows no tags, no keys and no results.
package signed
