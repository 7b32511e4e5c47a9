package handover

import (
	"errors"
	"log/slog"
	"os"
	"time"
)

// Config holds an application's settings for handovers. The zero value is ready
// to use.
type Config struct {
	// Signal is the signal that starts a successor. It defaults to SIGUSR2.
	// Use SIGHUP only for a program that does not reload its configuration
	// at SIGHUP.
	Signal os.Signal
	// PIDFile is the file for the ID of the serving process. Each process
	// writes it once it is ready, and the last one removes it when it
	// begins to drain. If empty, no file is written.
	PIDFile string
	// StartTimeout is how long a successor may take to become ready before
	// it is killed. It defaults to one minute.
	StartTimeout time.Duration
	// Logger logs the steps of a handover. It defaults to the application's
	// *slog.Logger, or to slog.Default() if there is none.
	Logger *slog.Logger
}

func (c Config) complete(app *slog.Logger) (Config, error) {
	if c.StartTimeout < 0 {
		return c, errors.New("handover: Config.StartTimeout is negative")
	}
	if c.Signal == nil {
		c.Signal = defaultSignal()
	}
	if c.Logger == nil {
		c.Logger = app
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}
