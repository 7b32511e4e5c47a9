package systemd

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/framework/milterfx"
)

// Module tells systemd of the server of [milterfx.Module]. It takes a [Config]
// if the application provides one; where that has no Logger, the application's
// *slog.Logger is used. It provides nothing.
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
