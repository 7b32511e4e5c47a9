package main

import (
	"log/slog"
	"os"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/spf"
	"github.com/sluicemail/sluice/framework"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/serve"
)

func main() { os.Exit(serve.Main(run)) }

func run(o serve.Options) error {
	r, err := newRouter()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	srv, err := framework.NewServer(r, framework.Config{Logger: log})
	if err != nil {
		return err
	}
	ln, err := o.Listen()
	if err != nil {
		return err
	}
	return srv.Serve(ln)
}

// newRouter returns a router that queries the name servers of the system.
func newRouter() (*framework.Router, error) {
	dns, err := resolver.New(resolver.Config{})
	if err != nil {
		return nil, err
	}
	sender, err := spf.New(spf.Config{Resolver: dns})
	if err != nil {
		return nil, err
	}
	signature, err := dkim.NewVerifier(dkim.Config{Verifying: dkim.Verifying{Resolver: dns}})
	if err != nil {
		return nil, err
	}
	r := framework.NewRouter()
	r.Mount(sender)
	r.Mount(signature)
	return r, nil
}
