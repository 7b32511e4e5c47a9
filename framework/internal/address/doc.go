// Package address checks and compares the addresses of an envelope (RFC 5321
// section 4.1.2, RFC 6531 section 3.3).
package address
