package handover

import (
	"cmp"
	"log/slog"
	"net"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// Module makes the server of [milterfx.Module] hand over its sockets. It takes
// a [Config] and a *slog.Logger if the application provides them, and provides
// a [*Handover]. It is used together with milterfx.Module and must be the last
// in the list of options: see the package documentation.
var Module = fx.Options(
	fx.Provide(New),
	fx.Decorate(withSockets),
	fx.Invoke(follow),
)

// Params are the parameters of [New].
type Params struct {
	fx.In

	Config Config       `optional:"true"`
	Logger *slog.Logger `optional:"true"`
}

// New returns a Handover. It has no effect until an application starts.
func New(p Params) (*Handover, error) {
	cfg, err := p.Config.complete(p.Logger)
	if err != nil {
		return nil, err
	}
	return newHandover(cfg), nil
}

// withSockets makes the server open its sockets by h.listen. The grace for idle
// sessions is four fifths of the drain, because after a handover only the
// process's own clients wait for its end.
func withSockets(cfg milterfx.Config, h *Handover) milterfx.Config {
	drain := cmp.Or(cfg.DrainTimeout, framework.DefaultDrain)
	cfg.Server.DrainGrace = cmp.Or(cfg.Server.DrainGrace, drain-drain/5)
	open := cfg.Open
	cfg.Open = func(address string) (net.Listener, error) { return h.listen(address, open) }
	return cfg
}

type followParams struct {
	fx.In

	Handover   *Handover
	Status     *milterfx.Status // provided after the server has appended its hooks
	Lifecycle  fx.Lifecycle
	Shutdowner fx.Shutdowner
}

func follow(p followParams) {
	h := p.Handover
	h.status, h.app = p.Status, p.Shutdowner
	h.catchSignal()
	p.Lifecycle.Append(fx.StartStopHook(h.start, h.stop))
}
