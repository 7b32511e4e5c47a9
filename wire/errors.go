package wire

import "errors"

// ErrNotImplemented reports input that the milter protocol defines and this
// package does not support, such as protocol version 1.
var ErrNotImplemented = errors.New("wire: not implemented")

// ProtocolError reports input that violates the milter protocol. The peer has a
// bug, or it is not a milter peer at all. The connection must not be used any
// further.
type ProtocolError struct {
	// Message is the C name of the invalid message, such as SMFIC_HEADER.
	// It is "frame" if the input is not a known message.
	Message string
	// Reason says what is invalid.
	Reason string
}

// Error implements error.
func (e *ProtocolError) Error() string {
	return "wire: protocol violation in " + e.Message + ": " + e.Reason
}

func violation(message, reason string) error {
	return &ProtocolError{Message: message, Reason: reason}
}

// ValueError reports a value that cannot be encoded. The value contains a NUL,
// it does not fit in a frame, or an MTA would give up the filter because of it.
type ValueError struct {
	// Message is the C name of the message.
	Message string
	// Reason says what is wrong with the value.
	Reason string
}

// Error implements error.
func (e *ValueError) Error() string {
	return "wire: cannot encode " + e.Message + ": " + e.Reason
}
