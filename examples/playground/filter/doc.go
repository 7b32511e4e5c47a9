// Package filter has the filters of the playground: one refuses a recipient, one adds a
// field, and one changes the subject.
package filter
