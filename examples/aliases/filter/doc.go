// Package filter replaces recipients by the targets that an SQLite database names for
// them.
package filter
