// Package spool keeps the body of a message for a second reading: in memory
// while it is small, in a temporary file from then on.
package spool
