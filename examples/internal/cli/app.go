package cli

import (
	"context"
	"log/slog"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
)

// RunApp is what App.Run does, but returns, and takes a signal that comes while
// the application starts.
func RunApp(app *fx.App) (status int, err error) {
	signals := app.Wait()
	start, cancel := context.WithTimeout(context.Background(), app.StartTimeout())
	defer cancel()
	if err := app.Start(start); err != nil {
		return exitFailed, err
	}
	sig := <-signals
	stop, cancel := context.WithTimeout(context.Background(), app.StopTimeout())
	defer cancel()
	return sig.ExitCode, app.Stop(stop)
}

// AppEvents writes all of fx's own log lines at the level debug: errors too, for
// the one who calls [RunApp] says those itself, in one line.
func AppEvents(log *slog.Logger) fxevent.Logger {
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	events.UseErrorLevel(slog.LevelDebug)
	return events
}
