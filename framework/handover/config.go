package handover

import (
	"errors"
	"log/slog"
	"os"
	"time"
)

// Config is what an application may say about its succession. The zero value is
// ready to use.
type Config struct {
	// Signal asks for a successor: SIGUSR2 if nil. SIGHUP is for programs
	// that do not read their configuration again by themselves.
	Signal os.Signal
	// PIDFile is a file that holds the number of the process that serves:
	// each one writes it once it is ready, and the last one removes it when
	// it begins to drain. None is written if it is empty.
	PIDFile string
	// StartTimeout is how long a successor may take until it is ready,
	// before it is killed: a minute if zero.
	StartTimeout time.Duration
	// Logger tells of the succession: the application's *slog.Logger if
	// nil, and slog.Default() if there is none.
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
