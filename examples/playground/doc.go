// Playground shows what a mail filter does, without any setup. One process has
// an SMTP server, a filter behind it, and a Maildir for the accepted messages.
//
//	go run ./examples/playground
//
// It sends itself a message. It prints the negotiation, the reply at each stage,
// and the message before and after. Then it serves until Ctrl-C.
//
// The filters are in filter/filters.go, which is the file to change first. The other
// files act as the mail server. See README.md.
package main
