package systemd

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework/milterfx"
)

// Module notifies systemd about the server of [milterfx.Module]. It takes a
// [Config] if the application provides one. Config.Logger defaults to the
// application's *slog.Logger. Module provides nothing.
var Module = fx.Module("systemd", fx.Invoke(follow))

type params struct {
	fx.In

	Status *milterfx.Status
	Config Config       `optional:"true"`
	Logger *slog.Logger `optional:"true"`
}

func follow(p params) error {
	if p.Config.Logger == nil {
		p.Config.Logger = p.Logger
	}
	return Follow(p.Status, p.Config)
}
