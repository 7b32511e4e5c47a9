package main

import (
	"flag"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// defaultLimit shows most header fields whole, and of a body what it is.
const defaultLimit = 1000

// Program returns the command: its flags, and the filter that they describe.
func Program() cli.Program {
	var f Filter
	return cli.Program{
		Name:    "logall",
		Summary: "Logs each stage with its data and macros. It changes nothing.",
		Flags: func(fs *flag.FlagSet) {
			fs.IntVar(&f.Limit, "limit", defaultLimit, "log at most so many `bytes` of each value")
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
