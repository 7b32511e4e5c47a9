package main

import (
	"flag"

	"github.com/sluicemail/sluice/examples/clamav/filter"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command with its flags, from which it makes the filter.
func Program() cli.Program {
	f := filter.Filter{Clamd: "/run/clamav/clamd.ctl", Infected: filter.Reject, TooLarge: filter.Accept}
	return cli.Program{
		Name:    "clamav",
		Summary: "Has clamd look for viruses in each message.",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&f.Clamd, "clamd", f.Clamd, "ask clamd at `address`, PATH or HOST:PORT")
			fs.Func("infected", "what to `do` with infected mail: reject, quarantine or mark (default reject)", cli.OneOf(&f.Infected, filter.Reject, filter.Quarantine, filter.Mark))
			fs.Func("too-large", "what to `do` with mail too large for clamd: accept or one of these (default accept)", cli.OneOf(&f.TooLarge, filter.Accept, filter.Reject, filter.Quarantine, filter.Mark))
		},
		Router: func() (*framework.Router, error) {
			r := framework.NewRouter()
			r.Mount(f)
			return r, nil
		},
	}
}
