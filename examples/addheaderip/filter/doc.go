// Package filter appends a header field with the SMTP client's address to each message. The
// command addheaderip serves it.
package filter
