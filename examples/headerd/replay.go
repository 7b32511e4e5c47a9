package main

import (
	"github.com/sluicemail/sluice/contrib/headers"
	"github.com/sluicemail/sluice/examples/internal/fxcli"
	"github.com/sluicemail/sluice/framework"
)

// replayed returns a filter with the rules for a replay of recorded mail. The rules look up
// nothing and keep nothing.
func replayed(rules headers.Config) (*fxcli.Replayed, error) {
	f, err := headers.NewReloadable(rules)
	if err != nil {
		return nil, err
	}
	r := framework.NewRouter()
	r.Mount(f)
	return &fxcli.Replayed{Router: r}, nil
}
