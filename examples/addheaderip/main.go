package main

import (
	"flag"

	"github.com/sluicemail/sluice/examples/addheaderip/filter"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command with its flags, from which it makes the filter.
func Program() cli.Program {
	var f filter.Filter
	return cli.Program{
		Name:    "addheaderip",
		Summary: "Appends a header field with the SMTP client's address to each message.",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&f.Header, "name", "X-Client-IP", "the `name` of the header field")
		},
		Router: func() (*framework.Router, error) {
			if err := filter.CheckName(f.Header); err != nil {
				return nil, cli.Usagef("-name: %w", err)
			}
			r := framework.NewRouter()
			r.Mount(f)
			return r, nil
		},
	}
}
