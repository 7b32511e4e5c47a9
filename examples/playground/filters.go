package main

import (
	"github.com/sluicemail/sluice/examples/playground/filter"
	"github.com/sluicemail/sluice/framework"
)

// NewRouter returns the filters of the playground, in the order in which they
// see a message. A filter does not see what an earlier filter refused, and it
// sees the edits of the earlier filters.
func NewRouter() *framework.Router {
	r := framework.NewRouter()
	r.Mount(filter.Refuser{Recipient: "nobody@example.test"})
	r.Mount(filter.Stamper{Header: "X-Client-Address"})
	r.Mount(filter.Tagger{Tag: "[suspicious attachment] "})
	return r
}
