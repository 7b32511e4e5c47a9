// Addheaderip appends a header field with the SMTP client's address to each
// message.
//
//	addheaderip -listen inet:9000@127.0.0.1 -name X-Client-IP
//
// See README.md.
package main
