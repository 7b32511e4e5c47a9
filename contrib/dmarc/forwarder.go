package dmarc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sluicemail/sluice/contrib/internal/networks"
)

// Forwarder is a host, or a group of hosts, that passes on mail of others: a mailing list, or a
// server from which users have their mail forwarded. It is recognized by what it cannot forge:
// its address, or a domain that SPF or DKIM has authenticated.
//
// A message that fails and that a forwarder delivers is accepted. So name only hosts that
// check mail themselves: whoever may send through them may send as any author.
type Forwarder struct {
	// Networks are the addresses of the forwarder. Empty means any address; then Domains are
	// required.
	Networks []netip.Prefix
	// Domains are the domains of the forwarder: one of them, or a subdomain, must have passed
	// SPF for MAIL FROM or HELO, or be the signing domain (d=) of a valid signature. Empty
	// means any; then Networks are required. If there are both, both must match.
	Domains []string
	// Authors limits the forwarder to mail of these author domains and their subdomains.
	// Empty means all.
	Authors []string
	// MailingList is for mailing lists. It is the reason that reports give.
	MailingList bool
}

// clean returns a copy with domains in the form of the DNS.
func (f Forwarder) clean() (Forwarder, error) {
	clean, wrongNetworks := networks.Unmapped(f.Networks)
	domains, wrongDomains := cleanDomains(f.Domains)
	authors, wrongAuthors := cleanDomains(f.Authors)
	var empty error
	if len(f.Networks)+len(f.Domains) == 0 {
		empty = errors.New("it has neither networks nor domains, and would be any host")
	}
	f.Networks, f.Domains, f.Authors = clean, domains, authors
	return f, errors.Join(empty, named("Networks", wrongNetworks), named("Domains", wrongDomains), named("Authors", wrongAuthors))
}

// proven is what is known for sure about who delivers a message.
type proven struct {
	client  netip.Addr
	domains []provenDomain
}

// provenDomain is a domain that passed a check.
type provenDomain struct{ check, name string }

// trusts returns why the forwarder delivers a message, or false if it does not.
func (f *Forwarder) trusts(p *proven, authors []string) (*Override, bool) {
	comment := ""
	if len(f.Networks) > 0 {
		if !networks.Contain(f.Networks, p.client) {
			return nil, false
		}
		comment = fmt.Sprintf("client %s", p.client)
	}
	if len(f.Domains) > 0 {
		i := slices.IndexFunc(p.domains, func(d provenDomain) bool { return withinAny(d.name, f.Domains) })
		if i < 0 {
			return nil, false
		}
		if comment != "" {
			comment += ", "
		}
		comment += fmt.Sprintf("%s=pass for %s", p.domains[i].check, p.domains[i].name)
	}
	for _, author := range authors {
		if len(f.Authors) > 0 && !withinAny(author, f.Authors) {
			return nil, false
		}
	}
	kind := TrustedForwarder
	if f.MailingList {
		kind = MailingList
	}
	return &Override{kind, comment}, true
}

// withinAny reports whether a name equals one of the domains or is a subdomain of one.
func withinAny(name string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return within(name, d) })
}
