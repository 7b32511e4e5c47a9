package main

import (
	"flag"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command with its flags, from which it makes the filters.
func Program() cli.Program {
	c := Chain{Verify: "inet:8893@127.0.0.1", Sign: "inet:8891@127.0.0.1"}
	return cli.Program{
		Name:    "chain",
		Summary: "Has a milter verify mail, tags mail from outside, has another milter sign it.",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&c.Verify, "verify", c.Verify, "the `address` of the milter that verifies mail")
			fs.StringVar(&c.Sign, "sign", c.Sign, "the `address` of the milter that signs mail")
		},
		Router: func() (*framework.Router, error) {
			r, err := c.Router()
			if err != nil {
				return nil, cli.Usagef("%w", err)
			}
			return r, nil
		},
	}
}
