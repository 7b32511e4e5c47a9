package main

import (
	"flag"
	"time"

	"github.com/sluicemail/sluice/examples/greylist/filter"
	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command with its flags, from which it makes the filter.
func Program() cli.Program {
	r := filter.Rules{Delay: 5 * time.Minute, Retry: 48 * time.Hour, Keep: 35 * 24 * time.Hour, Entries: 100_000}
	return cli.Program{
		Name:    "greylist",
		Summary: "Refuses unknown senders with 451 at first. Accepts them when they try again.",
		Flags: func(fs *flag.FlagSet) {
			fs.DurationVar(&r.Delay, "delay", r.Delay, "refuse an unknown sender for this `duration`")
			fs.DurationVar(&r.Retry, "retry", r.Retry, "forget a refused sender after this `duration` without another try")
			fs.DurationVar(&r.Keep, "keep", r.Keep, "forget an accepted sender after this `duration` without mail")
			fs.IntVar(&r.Entries, "entries", r.Entries, "remember this `number` of refused senders, and as many accepted ones")
		},
		Router: func() (*framework.Router, error) {
			list, err := filter.NewList(r)
			if err != nil {
				return nil, cli.Usagef("%w", err)
			}
			router := framework.NewRouter()
			router.Mount(filter.Filter{List: list})
			return router, nil
		},
	}
}
