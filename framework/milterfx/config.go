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

// Config is what the application says about its server. It is supplied with
// fx.Supply, or provided by a constructor where middleware or settings have
// dependencies of their own. All but Listen has defaults.
type Config struct {
	// Listen holds the addresses to serve, as [framework.Listen] takes
	// them. There is at least one; all are bound, or none.
	Listen []string
	// Server holds the limits of the server. Where its Logger is nil, the
	// application's *slog.Logger is used if it provides one, and else
	// slog.Default().
	Server framework.Config
	// Use is the middleware around every handler of every filter, outermost
	// first.
	Use []framework.Middleware
	// DrainTimeout is how long MTAs may finish after the application was
	// told to stop: [framework.DefaultDrain] if zero. The application's
	// stop timeout must be longer; the package's documentation says why.
	// Where it is short, and Server.DrainGrace is zero, idle sessions have
	// half of it as their grace: so that they do not make a stop fail.
	DrainTimeout time.Duration
	// Open opens the socket of an address: [framework.Listen] if nil.
	// Sockets that were handed over by a predecessor, or that count their
	// connections, come from here.
	Open func(address string) (net.Listener, error)
}

// errNoAddress is why a Config without addresses is refused.
var errNoAddress = errors.New("milterfx: Config.Listen is empty: nothing would be served")

// complete checks the configuration and fills in the defaults.
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
