package filter

import "github.com/sluicemail/sluice/framework"

// Orders says what the filter does.
type Orders struct {
	// Verdict is the verdict at the stage At.
	Verdict framework.Verdict
	At      framework.Stage

	// Add and Delete are recipients. The filter first adds, then deletes.
	Add, Delete []string
	// Sender is the new sender, followed by its ESMTP arguments. "" keeps
	// the old sender.
	Sender string
	// BodyFile is the path of a file with the new body. The filter reads it
	// for each message. "" keeps the old body.
	BodyFile string
	// Change and Insert are edits of the header, or nil. The filter first
	// inserts, then changes.
	Change, Insert *Field

	// Macros are the macros that the filter asks for and prints at
	// MacroStage.
	Macros     []string
	MacroStage framework.Stage
	// Unsent has the stages that the MTA must not send, and Unanswered
	// those at which it does not wait for a reply.
	Unsent, Unanswered []framework.Stage
	// RawHeaders keeps the space after the colon in header values.
	RawHeaders bool
	// Rejected makes the MTA send the recipients that it refused.
	Rejected bool

	// Verbose makes the filter print the body instead of its length.
	Verbose bool
	// Connections is the number of sessions to serve. 0 means no limit.
	Connections int
}

// Field is an edit of the header. It counts fields as test-milter and libmilter
// do.
type Field struct {
	// Index is, for a change, the number of the field among the fields of
	// its name, from 1. For an insertion it is the place: 0 is above the
	// MTA's Received field, 1 is right below it.
	Index int
	Name  string
	// Value is "" for a deletion. With Orders.RawHeaders it has everything
	// after the colon.
	Value string
}
