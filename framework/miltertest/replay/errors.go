package replay

import "fmt"

// reasonError says why a record cannot be replayed.
type reasonError struct{ reason string }

// Error implements error.
func (e *reasonError) Error() string { return e.reason }

func notReplayable(format string, args ...any) error {
	return &reasonError{fmt.Sprintf(format, args...)}
}

// damaged returns the reason for a frame that the protocol does not have.
func damaged(err error) error {
	if err == nil {
		return nil
	}
	return notReplayable("the record has a damaged frame: %v", err)
}
