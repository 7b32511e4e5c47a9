// Package tags parses the tag=value lists of DKIM signatures and key records
// (RFC 6376 section 3.2).
package tags
