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

// candidate is an identity before it is compared.
type candidate struct {
	Identity
	valid   bool // Domain is a domain
	ignored bool // it is that of HELO, and does not count
}

// candidates returns all identities: SPF first, so that signatures cannot use up its share.
func (m *match) candidates() []candidate {
	list := make([]candidate, 0, len(m.in.SPF)+len(m.in.DKIM))
	add := func(id Identity, ignored bool) {
		var valid bool
		id.Result = strings.ToLower(id.Result)
		id.Domain, valid = cleanDomain(id.Domain)
		list = append(list, candidate{id, valid, ignored})
	}
	for _, spf := range m.in.SPF {
		id := Identity{Method: "spf", Result: spf.Result, Domain: spf.Domain, Mode: m.result.Record.SPF}
		add(id, spf.Identity == HELO && !m.in.NullSender)
	}
	for _, dkim := range m.in.DKIM {
		add(Identity{Method: "dkim", Result: dkim.Result, Domain: dkim.Domain, Selector: dkim.Selector, Mode: m.result.Record.DKIM}, false)
	}
	return list
}

// compared reports whether the result of the identity allows that it counts, now or later.
func (c *candidate) compared() bool {
	return c.valid && !c.ignored && (c.Result == "pass" || c.Result == "temperror")
}

// identities examines all identities.
func (m *match) identities(ctx context.Context, list []candidate) {
	m.result.Identities = make([]Identity, 0, len(list))
	for i := range list {
		m.examine(ctx, &list[i])
		m.result.Identities = append(m.result.Identities, list[i].Identity)
	}
}

// examine compares an identity with the author domain if it may count.
func (m *match) examine(ctx context.Context, id *candidate) {
	name := "SPF"
	if id.Method == "dkim" {
		name = "DKIM"
	}
	if id.compared() {
		aligned, why, err := m.compare(ctx, &id.Identity)
		id.Explanation = fmt.Sprintf("%s has the result %s for %s, %s.", name, id.Result, id.Domain, why)
		m.count(&id.Identity, aligned, err)
		return
	}
	id.Mode = ""
	switch {
	case id.ignored:
		id.Explanation = fmt.Sprintf("SPF checked %s for HELO (%s), which does not count, because the sender is not null.", shown(id.Domain), word(id.Result))
	case id.Result == "none" && id.Domain == "":
		id.Explanation = "There is nothing that " + name + " could check."
	case id.Result != "pass" && id.Result != "temperror":
		id.Explanation = fmt.Sprintf("%s has the result %s for %s, and only pass counts.", name, word(id.Result), shown(id.Domain))
	default:
		id.Explanation = fmt.Sprintf("%s has the result %s for %s, which is no domain.", name, id.Result, quoted(id.Domain))
	}
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
//
// If only the lookup of the top-level domain fails, an identity that shares nothing else with
// the author domain is not aligned: only a record that makes all domains below it one
// organization could align it. Otherwise a sender could turn a fail into a temperror with a
// signature of any domain, whenever that lookup fails.
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
	if err != nil && m.author.stuck == topLabel(author) && common(id.Domain, author) == 1 {
		return false, fmt.Sprintf("which shares only the top-level domain with %s", author), nil
	}
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

// common returns the number of labels that two names have in common at their ends.
func common(a, b string) (n int) {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for n < len(as) && n < len(bs) && as[len(as)-1-n] == bs[len(bs)-1-n] {
		n++
	}
	return n
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
