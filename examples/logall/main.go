package main

import (
	"flag"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/examples/logall/filter"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// defaultLimit is enough for most header fields and for the beginning of a body.
const defaultLimit = 1000

// Program returns the command with its flags, from which it makes the filter.
func Program() cli.Program {
	var f filter.Filter
	return cli.Program{
		Name:    "logall",
		Summary: "Logs each stage with its data and macros. It changes nothing.",
		Flags: func(fs *flag.FlagSet) {
			fs.IntVar(&f.Limit, "limit", defaultLimit, "log at most this number of `bytes` of each value")
		},
		Router: func() (*framework.Router, error) {
			if f.Limit < 1 {
				return nil, cli.Usagef("-limit: want 1 or more, not %d", f.Limit)
			}
			r := framework.NewRouter()
			r.Mount(f)
			return r, nil
		},
	}
}
