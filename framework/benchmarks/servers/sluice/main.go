package main

import (
	"fmt"
	"os"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/inspect"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/serve"
)

func main() { os.Exit(serve.Main(run)) }

func run(o serve.Options) error {
	r, err := newRouter(o.Workload)
	if err != nil {
		return err
	}
	var config framework.Config
	if o.Record {
		inspector, err := inspect.New(inspect.Config{})
		if err != nil {
			return err
		}
		config.Recorder = inspector
	}
	srv, err := framework.NewServer(r, config)
	if err != nil {
		return err
	}
	ln, err := framework.Listen(address(o))
	if err != nil {
		return err
	}
	return srv.Serve(ln)
}

// address returns the address in the notation of milters.
func address(o serve.Options) string {
	if o.Network == "unix" {
		return fmt.Sprintf("unix:%s?mode=0666", o.Address)
	}
	return "inet:" + o.Address
}
