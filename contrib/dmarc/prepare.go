package dmarc

import (
	"context"

	"github.com/sluicemail/sluice/contrib/internal/beside"
)

// prepare looks up what an evaluation needs whatever SPF and DKIM will say: the records of the
// author domains, and the walks from those that have none. The evaluation may begin before it
// returns.
func (l *lookups) prepare(ctx context.Context, a *authors) {
	var all beside.Group
	for _, author := range a.list {
		if author.valid {
			all.Go(func() { l.prepareAuthor(ctx, author.domain) })
		}
	}
	all.Wait()
}

func (l *lookups) prepareAuthor(ctx context.Context, domain string) {
	if own := l.fetchRecord(ctx, domain); own.record == nil && own.err == nil {
		l.prepareWalk(ctx, domain)
	}
}

// prepare makes the queries that the comparison of the identities and the policy need, those
// that do not depend on each other at the same time. They are the queries that the evaluation
// makes itself without it, one after the other.
func (m *match) prepare(ctx context.Context, list []candidate) {
	domains, existence := m.undecided(list), m.result.needsExistence()
	if len(domains) == 0 || len(domains) == 1 && !existence {
		return // what is left is one lookup after the other
	}
	var all beside.Group
	if existence {
		all.Go(func() { m.look.fetchExistence(ctx, m.result.AuthorDomain) })
	}
	m.prepareOrganizations(ctx, domains)
	all.Wait()
}

// undecided returns the domains of the identities that are not decided by their names.
func (m *match) undecided(list []candidate) []string {
	var domains []string
	author := m.result.AuthorDomain
	for i := range list {
		id := &list[i]
		if id.compared() && id.Mode != Strict && id.Domain != author && topLabel(id.Domain) == topLabel(author) {
			domains = append(domains, id.Domain)
		}
	}
	return domains
}

// prepareOrganizations walks from the author domain, and then from the domains of identities
// that may be of the same organization.
func (m *match) prepareOrganizations(ctx context.Context, domains []string) {
	author := m.look.prepareWalk(ctx, m.result.AuthorDomain)
	if author.err != nil {
		return
	}
	var all beside.Group
	room := maxOrganizations - len(m.organizations)
	begun := make(map[string]bool)
	for _, domain := range domains {
		if begun[domain] || len(begun) >= room || m.organizations[domain] != nil || !within(domain, author.organization()) {
			continue
		}
		begun[domain] = true
		all.Go(func() { m.look.prepareWalk(ctx, domain) })
	}
	all.Wait()
}
