// Package filter has the two filters of the command fxapp, a list of domains, and what both
// filters count.
package filter
