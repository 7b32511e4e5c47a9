// Package tags takes apart the tag=value lists of DKIM's signatures and key
// records, RFC 6376 section 3.2.
package tags
