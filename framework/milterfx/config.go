package milterfx

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Config configures the server of an application. The application supplies it
// with fx.Supply, or provides it with a constructor if middleware or settings
// have dependencies. Every field except Listen has a default.
type Config struct {
	// Listen holds the addresses to serve, in the syntax of
	// [framework.Listen]. At least one is required. If one cannot be bound,
	// the start fails and none stays bound.
	Listen []string
	// Server configures the server. If its Logger is nil, New uses the
	// application's *slog.Logger, or slog.Default() if the application
	// provides none.
	Server framework.Config
	// Use holds the middleware around every handler of every filter,
	// outermost first.
	Use []framework.Middleware
	// DrainTimeout is how long MTAs may finish their messages after the
	// application starts to stop. It defaults to [framework.DefaultDrain].
	// The application's stop timeout must be longer: see the package
	// documentation. If Server.DrainGrace is zero, idle sessions get at
	// most half of DrainTimeout as their grace, so that they do not make a
	// stop fail.
	DrainTimeout time.Duration
	// Open opens the listener of an address. It defaults to
	// [framework.Listen]. Set it to use sockets that another process handed
	// over, or listeners that count their connections.
	Open func(address string) (net.Listener, error)
}

var errNoAddress = errors.New("milterfx: Config.Listen is empty: at least one address is required")

// complete validates the configuration and fills in the defaults.
func (c Config) complete(app *slog.Logger) (Config, error) {
	if len(c.Listen) == 0 {
		return c, errNoAddress
	}
	if i := slices.IndexFunc(c.Use, func(mw framework.Middleware) bool { return mw == nil }); i >= 0 {
		return c, fmt.Errorf("milterfx: Config.Use[%d] is nil", i)
	}
	if c.DrainTimeout < 0 {
		return c, fmt.Errorf("milterfx: Config.DrainTimeout is negative: %v", c.DrainTimeout)
	}
	c.Server.Logger = cmp.Or(c.Server.Logger, app, slog.Default())
	c.DrainTimeout = cmp.Or(c.DrainTimeout, framework.DefaultDrain)
	c.Server.DrainGrace = cmp.Or(c.Server.DrainGrace, min(framework.DefaultDrainGrace, c.DrainTimeout/2))
	if c.Open == nil {
		c.Open = framework.Listen
	}
	return c, nil
}
