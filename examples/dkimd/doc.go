// Dkimd is a mail filter and a command-line tool that signs and verifies mail
// with DKIM.
//
//	dkimd -config FILE [-check] [-listen …]
//	dkimd keygen -domain D -selector S -type rsa|ed25519 -out FILE
//	dkimd testkey -domain D -selector S [-key FILE]
//	dkimd sign -domain D -selector S -key FILE MESSAGE
//	dkimd verify FILE
//	dkimd import OPENDKIM.CONF
//
// See README.md.
package main
