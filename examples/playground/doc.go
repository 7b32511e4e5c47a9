// Playground shows what a mail filter does, with nothing to set up: one
// process with an SMTP server, a filter behind it, and a Maildir for what was
// accepted.
//
//	go run ./examples/playground
//
// It sends itself a message, prints what was negotiated, what each stage
// answered and the message before and after, and then serves until Ctrl-C.
//
// Filters.go holds the filters and is the file to change first; the others
// play the mail server. See README.md.
package main
