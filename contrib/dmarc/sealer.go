package dmarc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicemail/sluice/contrib/arc"
	"github.com/sluicemail/sluice/contrib/authres"
)

// trustsChain returns why a chain excepts a message that fails, or false if it does not: it passes,
// its newest sealer is trusted, and that has seen the message pass.
func (c *Config) trustsChain(chain *arc.Result, r *Result) (*Override, bool) {
	if chain.Status != arc.Pass || len(chain.Sets) == 0 {
		return nil, false
	}
	newest := &chain.Sets[len(chain.Sets)-1]
	name, _ := cleanDomain(newest.Domain)
	if newest.ResultsError != nil || !slices.Contains(c.TrustedSealers, name) {
		return nil, false
	}
	for i := range newest.Results.Results {
		if method, ok := r.passedBefore(&newest.Results.Results[i]); ok {
			return &Override{LocalPolicy, fmt.Sprintf("arc=pass as[%d].d=%s as[%d].s=%s, which saw %s=pass",
				newest.Instance, name, newest.Instance, newest.Selector, method)}, true
		}
	}
	return nil, false
}

// passedBefore returns the method of a result that an earlier host gave for the message, if the
// result would have made the message pass: dmarc itself, or spf or dkim for an aligned domain.
func (r *Result) passedBefore(said *authres.Result) (method string, ok bool) {
	if said.Value != "pass" || len(r.AuthorDomains) != 1 {
		return "", false
	}
	switch said.Method {
	case "dmarc":
		from, _ := said.Property("header", "from")
		name, _ := cleanDomain(from[strings.LastIndexByte(from, '@')+1:])
		return said.Method, name == r.AuthorDomain
	case "spf":
		from, _ := said.Property("smtp", "mailfrom")
		return said.Method, r.alignedName(from[strings.LastIndexByte(from, '@')+1:], r.Record.SPF)
	case "dkim":
		domain, _ := said.Property("header", "d")
		return said.Method, r.alignedName(domain, r.Record.DKIM)
	default:
		return "", false
	}
}

// alignedName reports whether a domain that an earlier host has authenticated is aligned with the
// author domain, as far as that is known without further lookups.
func (r *Result) alignedName(domain string, mode Mode) bool {
	name, ok := cleanDomain(domain)
	switch {
	case !ok:
		return false
	case name == r.AuthorDomain:
		return true
	case mode == Strict:
		return false
	case r.OrganizationalDomain != "":
		return within(name, r.OrganizationalDomain)
	default: // the record of a public suffix is no organization's
		return r.Record.PSD != PSDYes && within(name, r.PolicyDomain)
	}
}
