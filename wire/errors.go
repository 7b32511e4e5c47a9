package wire

import "errors"

// ErrNotImplemented reports input that the milter protocol defines and that
// this package does not support, such as protocol version 1.
var ErrNotImplemented = errors.New("wire: not implemented")

// ProtocolError reports bytes that are not the milter protocol: the peer
// broke it, or is no milter peer at all. Nothing that follows on the same
// connection can be trusted.
type ProtocolError struct {
	// Message names the message that was wrong by its C name, such as
	// SMFIC_HEADER, or "frame" when it was not even a message.
	Message string
	// Reason says what was wrong with it.
	Reason string
}

// Error implements error.
func (e *ProtocolError) Error() string {
	return "wire: protocol violation in " + e.Message + ": " + e.Reason
}

func violation(message, reason string) error {
	return &ProtocolError{Message: message, Reason: reason}
}

// ValueError reports a value that cannot be said on the wire, found while a
// message was encoded: it holds a NUL, it is longer than a frame may be, or an
// MTA would take it for a broken filter.
type ValueError struct {
	// Message names the message by its C name.
	Message string
	// Reason says what is wrong with the value.
	Reason string
}

// Error implements error.
func (e *ValueError) Error() string {
	return "wire: cannot encode " + e.Message + ": " + e.Reason
}
