package dmarc

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// match compares the identities of a message with an author domain.
type match struct {
	*evaluation
	result *Result
	author *walk // the walk from the author domain, or nil if it was not needed

	// aligned is the explanation of the first identity that passed and is aligned.
	aligned string
	// err is the first failure of a lookup that could have shown that an identity which
	// passed is aligned.
	err error
	// pending is the explanation of the first identity that is aligned, or may be, and whose
	// own check ended with a temperror: it may pass later (section 5.3.6).
	pending string
}

// errTooMany is the error for an identity that is not compared.
var errTooMany = fmt.Errorf("the organizational domains of %d other domains were looked up", maxOrganizations)

// maxOrganizations limits the domains of identities whose organizational domains are looked up.
// A walk has eight queries at most, but a message may have any number of signatures.
const maxOrganizations = 10

// identities examines all identities: SPF first, so that signatures cannot use up its share.
func (m *match) identities(ctx context.Context) {
	for _, spf := range m.in.SPF {
		id := Identity{Method: "spf", Result: strings.ToLower(spf.Result), Domain: spf.Domain}
		if spf.Identity == HELO && !m.in.NullSender {
			id.Domain, _ = cleanDomain(spf.Domain)
			id.Explanation = fmt.Sprintf("SPF checked %s for HELO (%s), which does not count, because the sender is not null.", shown(id.Domain), word(id.Result))
			m.result.Identities = append(m.result.Identities, id)
			continue
		}
		m.examine(ctx, id, m.result.Record.SPF)
	}
	for _, dkim := range m.in.DKIM {
		id := Identity{Method: "dkim", Result: strings.ToLower(dkim.Result), Domain: dkim.Domain, Selector: dkim.Selector}
		m.examine(ctx, id, m.result.Record.DKIM)
	}
}

// examine compares an identity with the author domain if its result allows that it counts, now
// or later.
func (m *match) examine(ctx context.Context, id Identity, mode Mode) {
	var valid bool
	id.Domain, valid = cleanDomain(id.Domain)
	name := "SPF"
	if id.Method == "dkim" {
		name = "DKIM"
	}
	switch {
	case id.Result == "none" && id.Domain == "":
		id.Explanation = "There is nothing that " + name + " could check."
	case id.Result != "pass" && id.Result != "temperror":
		id.Explanation = fmt.Sprintf("%s has the result %s for %s, and only pass counts.", name, word(id.Result), shown(id.Domain))
	case !valid:
		id.Explanation = fmt.Sprintf("%s has the result %s for %s, which is no domain.", name, id.Result, quoted(id.Domain))
	default:
		id.Mode = mode
		aligned, why, err := m.compare(ctx, &id)
		id.Explanation = fmt.Sprintf("%s has the result %s for %s, %s.", name, id.Result, id.Domain, why)
		m.count(&id, aligned, err)
	}
	m.result.Identities = append(m.result.Identities, id)
}

// count notes what an identity means for the message.
func (m *match) count(id *Identity, aligned bool, err error) {
	switch {
	case id.Result == "pass" && aligned:
		id.Aligned = true
		m.aligned = first(m.aligned, id.Explanation)
	case errors.Is(err, errTooMany):
	case id.Result == "pass" && err != nil && m.err == nil:
		m.err = err
	case id.Result == "temperror" && (aligned || err != nil):
		m.pending = first(m.pending, id.Explanation)
	}
}

// word returns a result for a sentence.
func word(result string) string {
	if result != "" && strings.Trim(result, "abcdefghijklmnopqrstuvwxyz") == "" {
		return result
	}
	return quoted(result)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// compare reports whether the domain of an identity is aligned with the author domain (section
// 4.10.2), and says why in the rest of a sentence. It makes queries only if the names do not
// decide. The error is that of a query which could have decided.
func (m *match) compare(ctx context.Context, id *Identity) (aligned bool, why string, err error) {
	author := m.result.AuthorDomain
	switch {
	case id.Domain == author:
		return true, "the author domain", nil
	case id.Mode == Strict:
		return false, fmt.Sprintf("and the DMARC record demands the author domain %s itself (strict alignment)", author), nil
	case topLabel(id.Domain) != topLabel(author):
		// An organizational domain is the name itself or above it.
		return false, fmt.Sprintf("which is not of the same organization as %s", author), nil
	}
	organization, err := m.authorOrganization(ctx)
	if err != nil {
		return false, "and whether it is aligned is not known: " + err.Error(), err
	}
	if !within(id.Domain, organization) {
		return false, fmt.Sprintf("which is not within the organizational domain %s", organization), nil
	}
	w, err := m.organization(ctx, id.Domain)
	if err != nil {
		return false, "and whether it is aligned is not known: " + err.Error(), err
	}
	id.OrganizationalDomain = w.organization()
	if id.OrganizationalDomain != organization {
		return false, fmt.Sprintf("whose organizational domain is %s and not %s", id.OrganizationalDomain, organization), nil
	}
	return true, fmt.Sprintf("which has the same organizational domain %s as %s", organization, author), nil
}

// authorOrganization returns the organizational domain of the author domain.
func (m *match) authorOrganization(ctx context.Context) (string, error) {
	if m.author == nil {
		m.author = m.look.walk(ctx, m.result.AuthorDomain)
	}
	if m.author.err != nil {
		return "", m.author.err
	}
	m.result.OrganizationalDomain = m.author.organization()
	return m.result.OrganizationalDomain, nil
}

// organization walks from the domain of an identity.
func (e *evaluation) organization(ctx context.Context, domain string) (*walk, error) {
	w, known := e.organizations[domain]
	if !known {
		if len(e.organizations) == maxOrganizations {
			return nil, errTooMany
		}
		w = e.look.walk(ctx, domain)
		e.organizations[domain] = w
	}
	return w, w.err
}
