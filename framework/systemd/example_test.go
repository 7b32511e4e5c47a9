package systemd_test

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework/milterfx"
	"github.com/sluicemail/sluice/framework/systemd"
)

// The unit has Type=notify and a WatchdogSec. Without systemd, the program runs
// the same way and sends no notifications.
func ExampleModule() {
	app := fx.New(
		fx.NopLogger,
		milterfx.Defaults(),
		milterfx.Module,
		systemd.Module,
		fx.Supply(
			milterfx.Config{Listen: []string{"inet:0@127.0.0.1"}},
			systemd.Config{Alive: func() error { return nil }},
		),
		milterfx.Filters(),
	)
	fmt.Println(app.Start(context.Background()))
	fmt.Println(app.Stop(context.Background()))
	// Output:
	// <nil>
	// <nil>
}

// A daemon reloads its configuration at SIGHUP. "systemctl status" then shows the result, and
// with Type=notify-reload "systemctl reload" waits for it.
func ExampleReload() {
	load := func() error { return errors.New("/etc/filter.yaml:3:5: unknown key \"rule\"") }
	systemd.Reload(nil, func() string {
		if err := load(); err != nil {
			return "configuration refused: " + err.Error()
		}
		return "configuration reloaded"
	})
	fmt.Println("the service is ready")
	// Output: the service is ready
}
