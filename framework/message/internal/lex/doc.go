// Package lex measures and reads the pieces of a header field (RFC 5322 section 3.2) in text
// of any form, and tells the characters of its encodings. Each function takes time linear in the length of its input.
package lex
