// Package deadline carries the time by which the lookups of a message must have ended, from a
// filter that is mounted first to the filters that look up. Each of these has a limit of its
// own too, and the earlier one counts.
package deadline
