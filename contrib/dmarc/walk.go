package dmarc

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// maxWalked is the number of labels of the second name of a tree walk from a longer name, so
// that a walk has eight queries at most (RFC 9989 section 4.10).
const maxWalked = 7

// above returns the name that a tree walk queries after a name, or "" after the last.
func above(name string) string {
	if labels(name) > maxWalked {
		return lastLabels(name, maxWalked)
	}
	_, parent, _ := strings.Cut(name, ".")
	return parent
}

// walk is a tree walk.
type walk struct {
	start string
	found []*published // the domains with a record, the longest first
	err   error        // what ended the walk too early, or nil
	stuck string       // the domain whose lookup failed, or ""
}

// walk walks the tree from a domain (RFC 9989 section 4.10). It ends at the first lookup that
// fails: whatever is above, the record that is not known could make another domain the
// organizational one.
func (l *lookups) walk(ctx context.Context, domain string) *walk {
	return newWalk(domain, func(name string) *published { return l.record(ctx, name) })
}

// prepareWalk makes the queries of a walk, so that the walk itself finds the answers.
func (l *lookups) prepareWalk(ctx context.Context, domain string) *walk {
	return newWalk(domain, func(name string) *published { return l.fetchRecord(ctx, name) })
}

func newWalk(domain string, record func(name string) *published) *walk {
	w := &walk{start: domain}
	for name := domain; name != ""; name = above(name) {
		p := record(name)
		if p.err != nil {
			w.err, w.stuck = p.err, name
			break
		}
		if p.record == nil {
			continue
		}
		w.found = append(w.found, p)
		if p.record.PSD != PSDUnknown {
			break
		}
	}
	return w
}

// organization returns the organizational domain (section 4.10.2) of a walk without an error.
func (w *walk) organization() string {
	if len(w.found) == 0 {
		return w.start
	}
	// Only the last record can have psd=y or psd=n, because it ended the walk.
	last := w.found[len(w.found)-1]
	if last.record.PSD == PSDYes && last.domain != w.start {
		return lastLabels(w.start, labels(last.domain)+1)
	}
	return last.domain
}

// policy returns the record that applies to mail with the start of the walk as its author
// domain (section 4.10.1), or nil.
func (w *walk) policy() *published {
	organization := w.organization()
	for _, p := range w.found {
		if p.domain == w.start {
			return p
		}
	}
	for _, p := range w.found {
		// The record of a public suffix is above the organizational domain.
		if p.domain == organization || p.record.PSD == PSDYes {
			return p
		}
	}
	return nil
}

// Discovery is what the DNS says about a domain.
type Discovery struct {
	// Domain is the domain in the form of the DNS.
	Domain string
	// OrganizationalDomain is the organizational domain. It is "" if a lookup failed.
	OrganizationalDomain string
	// Record is the record that applies to mail of the domain, and PolicyDomain the domain
	// that publishes it. They are nil and "" if there is none.
	Record       *Record
	PolicyDomain string
	// Queries are the queries in their order.
	Queries []Query
}

// ErrDomain is the error of [Discover] for a text that is no name of a domain.
var ErrDomain = errors.New("dmarc: not a domain")

// Discover finds the organizational domain of a domain, and the record that applies to its mail.
// It makes eight queries at most. The domain may have U-labels, upper case and a dot at the end.
//
// If a lookup fails, Discover returns the error and what is known: that is the record, if the
// domain itself publishes one.
func Discover(ctx context.Context, r Resolver, domain string) (*Discovery, error) {
	name, ok := cleanDomain(domain)
	d := &Discovery{Domain: name}
	if !ok {
		return d, fmt.Errorf("%w: %s", ErrDomain, quoted(domain))
	}
	look := newLookups(r)
	w := look.walk(ctx, name)
	d.Queries = look.queries
	if w.err == nil {
		d.OrganizationalDomain = w.organization()
	}
	if p := w.policy(); p != nil && (w.err == nil || p.domain == name) {
		d.Record, d.PolicyDomain = p.record, p.domain
	}
	if w.err != nil {
		return d, fmt.Errorf("dmarc: %w", w.err)
	}
	return d, nil
}
