package main

import (
	"flag"
	"time"

	"github.com/sluicemail/sluice/examples/internal/cli"
	"github.com/sluicemail/sluice/framework"
)

func main() { cli.Main(Program()) }

// Program returns the command: its flags, and the filter that they describe.
func Program() cli.Program {
	r := Rules{Delay: 5 * time.Minute, Retry: 48 * time.Hour, Keep: 35 * 24 * time.Hour, Entries: 100_000}
	return cli.Program{
		Name:    "greylist",
		Summary: "Refuses mail of strangers for now, with 451. Who tries again is let in.",
		Flags: func(fs *flag.FlagSet) {
			fs.DurationVar(&r.Delay, "delay", r.Delay, "refuse a stranger for this `time`")
			fs.DurationVar(&r.Retry, "retry", r.Retry, "forget who has not tried again in this `time`")
			fs.DurationVar(&r.Keep, "keep", r.Keep, "forget who was let in and is silent for this `time`")
			fs.IntVar(&r.Entries, "entries", r.Entries, "remember this `number` who wait, and as many let in")
		},
		Router: func() (*framework.Router, error) {
			list, err := NewList(r)
			if err != nil {
				return nil, cli.Usagef("%w", err)
			}
			router := framework.NewRouter()
			router.Mount(Filter{list})
			return router, nil
		},
	}
}
