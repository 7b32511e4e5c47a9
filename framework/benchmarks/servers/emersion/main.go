package main

import (
	"os"

	"github.com/emersion/go-milter"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/serve"
)

func main() { os.Exit(serve.Main(run)) }

func run(o serve.Options) error {
	srv, err := newServer(o.Workload)
	if err != nil {
		return err
	}
	ln, err := o.Listen()
	if err != nil {
		return err
	}
	return srv.Serve(ln)
}

// nothing has the protocol bits of a filter that needs no events.
const nothing = milter.OptNoConnect | milter.OptNoHelo | milter.OptNoMailFrom | milter.OptNoRcptTo |
	milter.OptNoData | milter.OptNoHeaders | milter.OptNoEOH | milter.OptNoBody | milter.OptNoUnknown
