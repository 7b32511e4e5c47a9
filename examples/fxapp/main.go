package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/examples/internal/inspecting"
	"github.com/sluicemail/sluice/framework/message"
)

const name = "fxapp"

func main() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr)) }

// Run runs fxapp with the given arguments and returns the exit status, which
// may be milterfx.ExitCode. The program serves until the process receives
// SIGINT or SIGTERM.
func Run(args []string, stdout, stderr io.Writer) int {
	status, err := program().Run(args, stdout, stderr)
	if err != nil {
		cli.Complain(stderr, name, err)
	}
	return status
}

func program() fxcli.Program {
	var s Settings
	return fxcli.Program{
		Name:      name,
		Arguments: "[flags]",
		Summary:   "Refuses senders and stamps mail: a filter as an fx application.",
		Flags:     s.addFlags,
		Validate:  func(*fxcli.Flags) error { return s.validate() },
		Application: func(shared *fxcli.Flags, log *slog.Logger) (fx.Option, error) {
			s.Listen, s.Allow, s.Drain = shared.Listen, shared.Allow, shared.Drain
			s.Inspect = shared.Inspect.Over(inspecting.Settings{})
			return Application(s, log), nil
		},
	}
}

func (s *Settings) addFlags(fs *flag.FlagSet) {
	fs.Func("health", "serve probes and metrics at `address`, as in -listen", s.setHealth)
	fs.StringVar(&s.Handover, "handover", "", "on SIGUSR2 hand the sockets over; `file` gets the PID")
	fs.StringVar(&s.Deny, "deny", "", "refuse senders of the domains in `file`, one on a line")
	fs.StringVar(&s.Stamp, "stamp", "X-Filtered-By", "the `name` of the field to add")
	fs.DurationVar(&s.Slow, "slow", time.Second, "log handlers that take this long; 0 logs none")
}

func (s *Settings) validate() error {
	if s.Slow < 0 {
		return fmt.Errorf("-slow %v is below zero", s.Slow)
	}
	if err := message.CheckFieldName(s.Stamp); err != nil {
		return fmt.Errorf("-stamp: %w", err)
	}
	return nil
}

func (s *Settings) setHealth(value string) error {
	s.Health = value
	return cli.CheckAddress(value)
}
