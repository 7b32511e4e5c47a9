package main

import (
	"github.com/sluicemail/sluice/contrib/remote"
	"github.com/sluicemail/sluice/examples/chain/filter"
	"github.com/sluicemail/sluice/framework"
)

// Chain is the addresses of the milters that run elsewhere.
type Chain struct{ Verify, Sign string }

// Router returns a router with the filters, in their order.
func (c Chain) Router() (*framework.Router, error) {
	verify, err := elsewhere("verify", c.Verify)
	if err != nil {
		return nil, err
	}
	sign, err := elsewhere("sign", c.Sign)
	if err != nil {
		return nil, err
	}
	r := framework.NewRouter()
	r.Mount(verify)
	r.Mount(filter.External{})
	r.Mount(sign)
	return r, nil
}

// elsewhere returns a filter for the milter at an address. If the milter is away when this
// program starts, it may want anything.
func elsewhere(name, address string) (*remote.Filter, error) {
	everything := remote.Everything()
	return remote.New(remote.Config{Name: name, Addresses: []string{address}, WishesIfAway: &everything})
}
