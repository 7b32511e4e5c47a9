package main

import (
	"flag"
	"time"

	"github.com/sluicemail/sluice/examples/aliases/filter"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command with its flags, from which it makes the filter.
func Program() cli.Program {
	f, path, maxAge := new(filter.Filter), "/var/lib/aliases/aliases.db", 10*time.Second
	return cli.Program{
		Name:    "aliases",
		Summary: "Replaces recipients by the targets that an SQLite database names for them.",
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&path, "db", path, "the `file` of the database")
			fs.DurationVar(&maxAge, "max-age", maxAge, "see a change of the database after this `duration`")
		},
		Router: func() (*framework.Router, error) {
			r := framework.NewRouter()
			r.Mount(f)
			return r, nil
		},
		Ready: func() error { return f.Table.Open(path, maxAge) },
	}
}
