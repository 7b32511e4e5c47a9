package fxcli

import (
	"context"
	"log/slog"

	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/sluicemail/sluice/examples/internal/cli"
)

// New is fx.New. The error is what a constructor returned, without fx's long way
// to it.
func New(opts ...fx.Option) (*fx.App, error) {
	app := fx.New(opts...)
	if err := app.Err(); err != nil {
		return nil, dig.RootCause(err)
	}
	return app, nil
}

// Run is what App.Run does, but returns, and takes a signal that comes while the
// application starts.
func Run(app *fx.App) (status int, err error) {
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

// Events writes all of fx's own log lines at the level debug: errors too, for
// the one who calls [Run] says those itself, in one line.
func Events(log *slog.Logger) fxevent.Logger {
	events := &fxevent.SlogLogger{Logger: log}
	events.UseLogLevel(slog.LevelDebug)
	events.UseErrorLevel(slog.LevelDebug)
	return events
}
