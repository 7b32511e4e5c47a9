// Package spool keeps the bodies of messages for a second reading: in memory
// while they are small and there is memory for them, in temporary files from
// then on. What all of them take together is bounded by budgets.
package spool
