package framework

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/sluicemail/sluice/wire"
)

// Errors that calls on a session return. They are matched with errors.Is.
var (
	// ErrNoGrant is returned when a modification is asked for with a zero
	// grant, one of another router, or one of another lane: the plan shows
	// a lane what those before it may edit, by their grants.
	ErrNoGrant = errors.New("framework: no grant of this router")
	// ErrNotGranted is returned when the MTA did not allow an optional
	// grant's action; ask Granted first.
	ErrNotGranted = errors.New("framework: the MTA does not allow it")
	// ErrNoMessage is returned when a modification is asked for while no
	// message is under way, or outside of a handler.
	ErrNoMessage = errors.New("framework: no message is under way")
	// ErrNoHeader is returned for a header field that the message does not
	// have, or no longer has.
	ErrNoHeader = errors.New("framework: no such header field")
	// errNotKept is what asking for the envelope, the header or the body
	// panics with where it could not be kept, and the filters that had asked
	// for it to be kept were left out of the message: see Config.MemoryBudget.
	errNotKept = errors.New("framework: not kept, a limit was reached")
	// ErrTooManyEdits is returned when the filters of one message ask for
	// more than 5,000 insertions, changes and new names of header fields
	// together: Postfix loses a message with very many.
	ErrTooManyEdits = errors.New("framework: too many edits of the header")
	// ErrServerClosed is returned by Serve after Shutdown or Close.
	ErrServerClosed = errors.New("framework: server closed")
	// ErrPeerGone is the cause of a session's context when the MTA closed
	// the connection while a handler ran.
	ErrPeerGone = errors.New("framework: the MTA went away")
	// ErrHandlerTimeout is the cause of a session's context when a handler
	// ran past its deadline.
	ErrHandlerTimeout = errors.New("framework: the handler ran past its deadline")
	// ErrMessageOver is the cause of a message's context when the message
	// ended.
	ErrMessageOver = errors.New("framework: the message is over")
	// ErrSessionOver is the cause of a session's context when the SMTP
	// session ended.
	ErrSessionOver = errors.New("framework: the session is over")
)

// ValueError reports a modification that cannot be said to an MTA, such as a
// header name with a space. It is returned by the call that asked for it.
type ValueError struct {
	// What names the value, such as "header name".
	What string
	// Reason says what is wrong with it.
	Reason string
}

// Error implements error.
func (e *ValueError) Error() string { return "framework: " + e.What + ": " + e.Reason }

// missingActionError refuses a negotiation: the MTA does not allow what a
// required grant needs.
type missingActionError struct {
	// Missing holds the actions that the MTA did not offer.
	Missing wire.Actions
	// Grants names who asked for them, and where.
	Grants []Reason
}

// Error implements error.
func (e *missingActionError) Error() string {
	var b strings.Builder
	b.WriteString("framework: the MTA does not offer " + e.Missing.String())
	for _, g := range e.Grants {
		fmt.Fprintf(&b, "; %s of filter %q at %s needs it", g.Cause, g.Filter, g.Where)
	}
	return b.String()
}

// handlerError is a failure of a handler as it is logged: an error that it
// returned, a panic, or a verdict that its stage does not have.
type handlerError struct {
	Filter string
	Stage  Stage
	Err    error
}

// Error implements error.
func (e *handlerError) Error() string {
	return fmt.Sprintf("framework: filter %q failed at %v: %v", e.Filter, e.Stage, e.Err)
}

// Unwrap returns the cause.
func (e *handlerError) Unwrap() error { return e.Err }

// PanicError is the cause of a [handlerError] when the handler panicked.
type PanicError struct {
	// Value is what panic was called with.
	Value any
	// Stack is the goroutine's stack at that moment.
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// contain is deferred where code that is not the framework's runs, and makes an
// error of its panic.
func contain(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// Unwrap returns Value where it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
