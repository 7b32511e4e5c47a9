// Package filter replaces the body of each message with a text. The command changebody
// serves it.
package filter
