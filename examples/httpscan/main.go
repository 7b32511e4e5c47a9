package main

import (
	"flag"

	"github.com/sluicemail/sluice/examples/httpscan/filter"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command with its flags, from which it makes the filter.
func Program() cli.Program {
	f := filter.Filter{URL: "http://127.0.0.1:11333/checkv2"}
	return cli.Program{
		Name:    "httpscan",
		Summary: "Asks a scanner that speaks rspamd's HTTP protocol about each message.",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&f.URL, "url", f.URL, "post messages to the scanner at this `URL`")
		},
		Router: func() (*framework.Router, error) {
			r := framework.NewRouter()
			r.Mount(f)
			return r, nil
		},
	}
}
