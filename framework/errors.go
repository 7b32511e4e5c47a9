package framework

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/sluicemail/sluice/framework/internal/transport"
	"github.com/sluicemail/sluice/framework/printable"
)

// Errors that the methods of grants, of [Memory] and of [AsyncValue] return.
var (
	// ErrNoGrant is returned for a zero grant, a grant of another router, or a
	// grant of another filter. A filter cannot use the grants of another,
	// because the plan takes into account what each filter may modify.
	ErrNoGrant = errors.New("framework: no grant of this router")
	// ErrNotGranted is returned if the MTA does not allow the modification of an
	// optional grant. Call the grant's Granted first.
	ErrNotGranted = errors.New("framework: the MTA does not allow it")
	// ErrNoMessage is returned for a modification, or for [AsyncValue.Start],
	// outside of a message or outside of a handler.
	ErrNoMessage = errors.New("framework: no message is open")
	// ErrNoHeader is returned for a header field that the message does not have,
	// or no longer has.
	ErrNoHeader = errors.New("framework: no such header field")
	// ErrNoMemory is returned if Config.MemoryBudget is used up. A handler that
	// returns it has the message refused with 452 4.3.1: see [Memory.Reserve].
	ErrNoMemory = errors.New("framework: the memory budget is used up")
	// ErrTooManyEdits is returned if the filters of one message ask for more
	// than 5,000 insertions, changes and renames of header fields together:
	// Postfix loses a message with more than 10,000. [FailClosed] refuses the
	// message permanently.
	ErrTooManyEdits = errors.New("framework: too many edits of the header")
	// ErrTooManyAsync is returned by [AsyncValue.Start] if Config.MaxAsync
	// functions run. A handler that can do without may go on. One that returns it
	// has the policy of its filter applied.
	ErrTooManyAsync = errors.New("framework: too many functions run beside sessions: see Config.MaxAsync")
)

// The causes of a cancelled session context: see [Session.Context].
var (
	// ErrPeerGone is the cause if the MTA closed the connection while a handler
	// ran.
	ErrPeerGone = errors.New("framework: the MTA closed the connection")
	// ErrHandlerTimeout is the cause if a handler, or a function of
	// [AsyncValue.Start], ran past its deadline.
	ErrHandlerTimeout = errors.New("framework: handler timeout")
	// ErrMessageOver is the cause if the message ended. Readers that were taken in
	// [Router.BeforeEndOfMessage] return it then: see [KeptBody.Reader].
	ErrMessageOver = errors.New("framework: the message is over")
	// ErrSessionOver is the cause if the SMTP session ended.
	ErrSessionOver = errors.New("framework: the session is over")
)

// Errors of a server.
var (
	// ErrServerClosed is returned by [Server.Serve] after Shutdown or Close.
	ErrServerClosed = transport.ErrClosed
)

// errOtherMessage is returned for the handle of a field of another message, which is a
// mistake in the program. The message at hand is not to blame.
var errOtherMessage = fmt.Errorf("%w: the handle belongs to another message", ErrNoHeader)

// errNotKept is the panic value if a handler reads a part of the message that was
// dropped because of a limit. The filters that wanted the part were left out of the
// message.
var errNotKept = errors.New("framework: not kept, a limit was reached")

// ValueError reports a value that cannot be sent to an MTA, such as a header name
// with a space. The function that was called with the value returns the error.
type ValueError struct {
	// What names the value, such as "header name".
	What string
	// Reason says what is wrong with it.
	Reason string
}

// Error implements error.
func (e *ValueError) Error() string { return "framework: " + e.What + ": " + e.Reason }

// Permanent reports whether the value is a header value or a body. A filter makes those
// from the message's content, so that the same message has the same value at the next
// attempt. Names, positions and addresses rather come from the program or its
// configuration, which may be mended by then. See the function [Permanent].
func (e *ValueError) Permanent() bool { return e.What == "header value" || e.What == "body" }

// RegistrationError is one mistake in the registrations on a router.
type RegistrationError struct {
	// Where is the file and line of the call. For a middleware it is the call
	// of Use, With or Group that added the middleware.
	Where string
	// Filter is the name of the filter that was being registered.
	Filter string
	// Reason says what is wrong.
	Reason string
	// Err is the cause, if a filter's Register or a middleware returned one.
	Err error
}

// Error implements error.
func (e *RegistrationError) Error() string {
	return fmt.Sprintf("framework: %s: filter %q: %s", e.Where, e.Filter, e.Reason)
}

// Unwrap returns the cause, or nil.
func (e *RegistrationError) Unwrap() error { return e.Err }

// PanicError is the error for a panic in a filter's code.
type PanicError struct {
	// Value is what panic was called with.
	Value any
	// Stack is the goroutine's stack at that moment, which the framework logs.
	// A middleware that recovers from a panic and has logged the stack leaves
	// it empty.
	Stack []byte
}

// maxPanicText is the number of bytes of a panic's value in the error's text.
const maxPanicText = 1 << 10

// Error implements error. It shows at most 1,024 bytes of the value.
func (e *PanicError) Error() string {
	text := fmt.Sprint(e.Value)
	if len(text) > maxPanicText {
		text = text[:maxPanicText] + "…"
	}
	return "panic: " + text
}

// Unwrap returns Value if it is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// stackOf returns the stack of a panic that is still to be logged, and false if there
// is none.
func stackOf(err error) (printable.Lines, bool) {
	p, ok := errors.AsType[*PanicError](err)
	if !ok || len(p.Stack) == 0 {
		return "", false
	}
	return printable.Lines(p.Stack), true
}

// contain is deferred around a filter's code and turns its panic into an error.
func contain(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// contained calls a filter's code and turns its panic into an error.
func contained(call func() error) (err error) {
	defer contain(&err)
	return call()
}

// handlerError is a handler's failure as it is logged: an error that it returned, a
// panic, or a verdict that its stage does not have.
type handlerError struct {
	filter string
	stage  Stage
	err    error
}

// Error implements error.
func (e *handlerError) Error() string {
	return fmt.Sprintf("framework: filter %q failed at %v: %v", e.filter, e.stage, e.err)
}

// Unwrap returns the cause.
func (e *handlerError) Unwrap() error { return e.err }
