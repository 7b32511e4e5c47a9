// Package taping writes what happens in a session to records, in the format of package tape.
// It knows neither sessions nor filters, only frames, numbers and texts.
//
// A [Writer] joins the parts of a record: the preamble, which says what identifies the session
// and how it began, and then the message. It decides which command begins a record, times the
// calls of handlers together, and keeps to the limits for memory. Its user says when a record
// ends, and how. [Notes] are what filters tell from other goroutines.
package taping
