package handover

import (
	"cmp"
	"log/slog"
	"net"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/milterfx"
)

// Module has the server of [milterfx.Module] hand its sockets over. It takes a
// [Config] and a *slog.Logger if the application provides them, and provides a
// [*Handover]. It stands beside milterfx.Module, and is the last in the list:
// see the package's documentation.
var Module = fx.Options(
	fx.Provide(New),
	fx.Decorate(withSockets),
	fx.Invoke(follow),
)

// Params is what [New] needs.
type Params struct {
	fx.In

	Config Config       `optional:"true"`
	Logger *slog.Logger `optional:"true"`
}

// New returns what hands sockets over. Nothing happens before an application
// starts.
func New(p Params) (*Handover, error) {
	cfg, err := p.Config.complete(p.Logger)
	if err != nil {
		return nil, err
	}
	return newHandover(cfg), nil
}

// withSockets has the server take the sockets that were inherited. Nobody waits
// for the end of one that was relieved, so that idle sessions have a long grace:
// most of the drain.
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
	Status     *milterfx.Status // made after the server's hooks, so that ours come after them
	Lifecycle  fx.Lifecycle
	Shutdowner fx.Shutdowner
}

func follow(p followParams) {
	h := p.Handover
	h.status, h.app = p.Status, p.Shutdowner
	h.catch()
	p.Lifecycle.Append(fx.StartStopHook(h.start, h.stop))
}
