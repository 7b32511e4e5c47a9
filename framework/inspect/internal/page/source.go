package page

import (
	"errors"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// ErrNotFound is the error of a [Source] that does not have a record: it has left, or there
// was none.
var ErrNotFound = errors.New("inspect: no such record")

// Source has the records that a page shows. Its methods are called by many goroutines.
type Source interface {
	// Recent returns the summaries that a query asks for, newest first, and whether there
	// are more than Limit. The caller may keep and change them.
	Recent(q Query) (list []record.Summary, more bool)
	// Message returns a record. The error is ErrNotFound if it is not there any more. The
	// caller may keep it, and does not change it.
	Message(id string) (*record.Message, error)
	// Raw returns a record as a file that package record reads.
	Raw(id string) ([]byte, error)
	// Watch returns a channel that receives a value when records came since the last value.
	// The Source never waits for the receiver: the channel has room for one value. The caller
	// must call stop when it is done.
	Watch() (changed <-chan struct{}, stop func())
	// Server returns the figures of the server.
	Server() Server
}

// Query selects records.
type Query struct {
	// After and Before limit the query to records with greater and with smaller IDs, if they
	// are not empty.
	After, Before string
	// Limit is the number of records that are wanted, at least 1.
	Limit int
	// Match reports whether a record is wanted, if it is not nil. It is called for the newest
	// first, and must not keep the summary. If it ends the query, the rest is not looked at.
	Match func(*record.Summary) (wanted, end bool)
}
