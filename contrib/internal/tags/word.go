package tags

import "strings"

// Word returns a value that is a word of RFC 6376, such as "rsa-sha256" or
// "relaxed": in lower case and without white space.
//
// The words of the tags a=, c= and q= of a signature, and of h=, k=, s= and t=
// of a key record, compare without case. RFC 6376 writes them as quoted strings
// of ABNF, which have no case (RFC 5234 section 2.3). The version of a key
// record (v=DKIM1) is written in hexadecimal numbers and has a case. So have
// base64 and the local part of i=. Domains and names of header fields have no
// case, but this package does not change them.
func Word(value string) string { return strings.ToLower(Squeeze(value)) }

// Words splits a value at colons, and returns the items as [Word] does.
func Words(value string) []string { return strings.Split(Word(value), ":") }
