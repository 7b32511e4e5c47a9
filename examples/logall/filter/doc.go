// Package filter logs everything that a mail server sends to a filter. The command logall
// serves it.
package filter
