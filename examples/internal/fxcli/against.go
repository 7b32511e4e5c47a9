package fxcli

import (
	"errors"
	"fmt"

	"github.com/sluicemail/sluice/examples/internal/behind"
	"github.com/sluicemail/sluice/examples/internal/cli"
)

// ExitRestart is the exit status of -check -against if the configuration is valid, but a
// running program that has loaded the other one would not reload it.
const ExitRestart = 3

// RestartError is the error for a configuration that is valid but needs a restart.
type RestartError struct {
	// Old is the file with the configuration of the running program.
	Old string
	// Err says what needs the restart.
	Err error
}

// Error implements error.
func (e *RestartError) Error() string {
	return "valid, but a program that runs with " + e.Old + " needs a restart: " + e.Err.Error()
}

// Unwrap returns e.Err.
func (e *RestartError) Unwrap() error { return e.Err }

// OldError returns the error for the file with which a configuration cannot be compared,
// because it has mistakes or cannot be read. It tells them from those of the new file.
func OldError(old string, err error) error {
	return fmt.Errorf("valid, but the file of -against cannot be used: %s\n%w", old, err)
}

// exitStatus returns the exit status for an error of a program.
func exitStatus(err error) int {
	if errors.As(err, new(*RestartError)) && !errors.Is(err, behind.ErrCannotWork) {
		return ExitRestart
	}
	return cli.ExitStatus(err)
}
