package fxcli

import (
	"context"
	"log/slog"

	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/sluicemail/sluice/examples/internal/cli"
)

// build calls [fx.New]. If a constructor failed, build returns the constructor's
// error without the dependency path that fx puts before it.
func build(opts ...fx.Option) (*fx.App, error) {
	app := fx.New(opts...)
	if err := app.Err(); err != nil {
		return nil, dig.RootCause(err)
	}
	return app, nil
}

// serve starts the application, waits for a signal and stops the application. It
// does what [fx.App.Run] does, but returns the status instead of ending the
// process, and also handles a signal that arrives during the start.
func serve(app *fx.App) (status int, err error) {
	signals := app.Wait()
	start, cancel := context.WithTimeout(context.Background(), app.StartTimeout())
	defer cancel()
	if err := app.Start(start); err != nil {
		return cli.ExitFailed, err
	}
	sig := <-signals
	stop, cancel := context.WithTimeout(context.Background(), app.StopTimeout())
	defer cancel()
	return sig.ExitCode, app.Stop(stop)
}

// Events returns fx's event logger, which logs all events at the level debug.
// It does so for errors too, because [Program.Run] returns them to its caller.
func Events(log *slog.Logger) fxevent.Logger {
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	events.UseErrorLevel(slog.LevelDebug)
	return events
}
