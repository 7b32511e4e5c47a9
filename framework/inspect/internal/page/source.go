package page

import (
	"context"
	"errors"

	"github.com/sluicemail/sluice/framework/inspect/record"
)

// ErrNotFound is the error of a [Source] that does not have a record: it has left, or there
// was none.
var ErrNotFound = errors.New("inspect: no such record")

// ErrBusy is the error of a [Source] that did not find a record in time, as when a disk hangs.
var ErrBusy = errors.New("inspect: looking for the record takes too long")

// Source has the records that a page shows. Its methods are called by many goroutines.
type Source interface {
	// Recent returns the summaries that a query asks for, newest first. The caller may keep and
	// change them. If there are more than Limit, or if Match or the end of ctx ended the query, a
	// query with next as Before goes on; next need not be the ID of a record. Otherwise next is
	// empty. partial reports whether records may be missing in the list because the disk takes too
	// long.
	Recent(ctx context.Context, q Query) (list []record.Summary, next string, partial bool)
	// Message returns a record. The error is ErrNotFound if it is not there any more, and
	// ErrBusy if it was not found in time. The caller may keep the record, and does not change it.
	Message(ctx context.Context, id string) (*record.Message, error)
	// Raw returns a record as a file that package record reads. Its errors are those of Message.
	Raw(ctx context.Context, id string) ([]byte, error)
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
	// Live reports whether the query follows the list. The Source then takes what is in memory
	// before it waits for a disk, and may leave out what other processes recorded.
	Live bool
}
