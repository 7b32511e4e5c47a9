package transport

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	// ErrNotMilter ends a connection whose first bytes are no milter frame: HTTP of a
	// scanner, for instance.
	ErrNotMilter = errors.New("framework: not the milter protocol")
	// ErrTLS is the reason for ErrNotMilter if the peer begins with TLS.
	ErrTLS = errors.New("it is TLS, which a listener speaks if tls: begins its address")
	// ErrProxyHeader is the reason for ErrNotMilter if the peer begins with a PROXY header.
	ErrProxyHeader = errors.New("it is a PROXY header, which a listener reads if its address has the option proxy")
)

// notMilter returns the error for first bytes that are no milter frame.
func notMilter(first []byte, err error) error {
	switch {
	case bytes.HasPrefix(first, []byte("\x16\x03")):
		return fmt.Errorf("%w: %w: %w", ErrNotMilter, ErrTLS, err)
	case bytes.HasPrefix(first, []byte("PROX")), bytes.HasPrefix(first, []byte("\r\n\r\n")):
		return fmt.Errorf("%w: %w: %w", ErrNotMilter, ErrProxyHeader, err)
	}
	return fmt.Errorf("%w: %w", ErrNotMilter, err)
}
