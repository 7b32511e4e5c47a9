package dmarc

import (
	"context"
	"fmt"
	"strings"
)

// Evaluate evaluates DMARC for a message (RFC 9989 section 5.3). It makes the queries that the
// result depends on, those that do not depend on each other at the same time. The context ends
// them, and so may a Budget of package contrib/resolver. Evaluate always returns a result: a
// lookup that fails is a temperror.
func Evaluate(ctx context.Context, r Resolver, in Input) *Result {
	return evaluate(ctx, newLookups(r), authorsOf(&in), &in)
}

// evaluate evaluates a message whose lookups may have begun.
func evaluate(ctx context.Context, look *lookups, authors *authors, in *Input) *Result {
	if authors.problem != "" {
		return &Result{Status: StatusPermError, Policy: PolicyNone, Reasons: []string{authors.problem}}
	}
	if len(authors.list) > 1 {
		look.prepare(ctx, authors)
	}
	e := &evaluation{look: look, in: in, organizations: make(map[string]*walk)}
	var worst *Result
	var domains []string
	for _, a := range authors.list {
		domains = append(domains, a.domain)
		if result := e.author(ctx, a); worst == nil || result.severity() > worst.severity() {
			worst = result
		}
	}
	worst.AuthorDomains, worst.Queries = domains, e.look.queries
	if len(domains) > 1 {
		worst.Reasons = append(worst.Reasons, fmt.Sprintf("The message has authors of %d domains, and this result is the worst of them, that of %s.", len(domains), shown(worst.AuthorDomain)))
	}
	if authors.remark != "" {
		worst.Reasons = append(worst.Reasons, authors.remark)
	}
	return worst
}

// evaluation is the evaluation of a message.
type evaluation struct {
	look *lookups
	in   *Input
	// organizations are the walks of the domains of identities.
	organizations map[string]*walk
}

// author evaluates the message for one author domain.
func (e *evaluation) author(ctx context.Context, a authorDomain) *Result {
	r := &Result{Status: StatusNone, Policy: PolicyNone, AuthorDomain: a.domain}
	if !a.valid {
		r.Status = StatusPermError
		r.because("The author has %s in place of a domain, and so no DMARC record can apply.", notDomain(a.domain))
		return r
	}
	own := e.look.record(ctx, a.domain)
	if own.err != nil {
		return r.broken(own.err)
	}
	policy := own
	if own.record == nil {
		w := e.look.walk(ctx, a.domain)
		if w.err != nil {
			return r.broken(w.err)
		}
		r.OrganizationalDomain = w.organization()
		if policy = w.policy(); policy == nil {
			r.because("Neither %s nor a domain above it publishes a DMARC record that applies.", a.domain)
			r.explain(e.look.problems())
			return r
		}
	}
	r.Record, r.PolicyDomain = policy.record, policy.domain
	if !r.Record.Usable {
		r.because("The DMARC record of %s has no effect, because it has no valid policy and no valid address for reports.", policy.domain)
		r.explain(r.Record.Problems)
		return r
	}
	e.decide(ctx, r)
	return r
}

// decide sets the status of a result with a record.
func (e *evaluation) decide(ctx context.Context, r *Result) {
	m := &match{evaluation: e, result: r}
	list := m.candidates()
	m.prepare(ctx, list)
	m.identities(ctx, list)
	unknown := e.failPolicy(ctx, r)
	switch {
	case m.aligned != "":
		r.Status = StatusPass
		r.because("%s", m.aligned)
	case m.err != nil:
		r.broken(m.err)
	case m.pending != "":
		r.Status = StatusTempError
		r.because("%s", m.pending)
	case len(e.in.Missing) > 0:
		r.Status = StatusTempError
		r.because("The results of %s are not known.", strings.Join(e.in.Missing, " and "))
	case unknown != nil:
		r.broken(unknown)
	default:
		r.Status, r.Policy = StatusFail, r.FailPolicy
		r.because("No domain that SPF or DKIM has authenticated is aligned with the author domain %s.", r.AuthorDomain)
	}
	r.explainIdentities()
	if r.Status == StatusFail {
		r.explainPolicy()
	}
	if r.Status != StatusPass {
		r.explain(r.Record.Problems)
	}
}

// needsExistence reports whether the policy depends on whether the author domain exists.
func (r *Result) needsExistence() bool {
	if r.PolicyDomain == r.AuthorDomain || r.Record.NonexistentPolicy == "" {
		return false
	}
	policy := r.Record.SubdomainPolicy
	if policy == "" {
		policy = r.Record.Policy
	}
	return policy != r.Record.NonexistentPolicy
}

// failPolicy sets FailPolicy (section 4.10.1). If it depends on whether the author domain
// exists, and the lookup fails, it stays empty, and the error is returned.
func (e *evaluation) failPolicy(ctx context.Context, r *Result) error {
	policy, tag := r.Record.Policy, "p"
	if r.PolicyDomain != r.AuthorDomain {
		if r.Record.SubdomainPolicy != "" {
			policy, tag = r.Record.SubdomainPolicy, "sp"
		}
	}
	if r.needsExistence() {
		exists, err := e.look.exists(ctx, r.AuthorDomain)
		if err != nil {
			return err
		}
		if !exists {
			policy, tag = r.Record.NonexistentPolicy, "np"
		}
	}
	if r.Record.Testing {
		policy = policy.milder()
	}
	r.FailPolicy, r.PolicyTag = policy, tag
	return nil
}

// because sets what decided.
func (r *Result) because(format string, args ...any) {
	r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...))
}

// broken sets the status for a lookup that failed.
func (r *Result) broken(err error) *Result {
	r.Status, r.Err = StatusTempError, err
	after := "Later, it may succeed."
	if isPermanent(err) {
		r.Status, after = StatusPermError, "It will fail until the owner of the name removes records."
	}
	text := err.Error()
	r.because("%s. %s", strings.ToUpper(text[:1])+text[1:], after)
	return r
}

// explain adds sentences.
func (r *Result) explain(sentences []string) { r.Reasons = append(r.Reasons, sentences...) }

// maxExplained limits the identities in Reasons.
const maxExplained = 10

// explainIdentities says what became of the identities, except for what was said already.
func (r *Result) explainIdentities() {
	explained := 0
	for i := range r.Identities {
		text := r.Identities[i].Explanation
		if text == r.Reasons[0] {
			continue
		}
		if explained++; explained > maxExplained {
			r.because("There are further results of SPF and DKIM.")
			return
		}
		r.because("%s", text)
	}
	if len(r.Identities) == 0 {
		r.because("There is no result of SPF, and no DKIM signature.")
	}
}

// explainPolicy says where the policy comes from.
func (r *Result) explainPolicy() {
	whose := "mail of the domain itself"
	switch {
	case r.PolicyTag == "np":
		whose = "mail of subdomains that do not exist"
	case r.PolicyDomain != r.AuthorDomain:
		whose = "mail of subdomains"
	}
	r.because("The DMARC record of %s wants the policy %s for %s (tag %s).", r.PolicyDomain, r.wanted(), whose, r.PolicyTag)
	if r.Record.Testing && r.wanted() != PolicyNone {
		r.because("It tests the policy (t=y), and so %s applies, one step milder.", r.FailPolicy)
	}
}

// wanted returns the policy before the tag t.
func (r *Result) wanted() Policy {
	switch r.PolicyTag {
	case "np":
		return r.Record.NonexistentPolicy
	case "sp":
		return r.Record.SubdomainPolicy
	default:
		return r.Record.Policy
	}
}

// problems returns the sentences about what was found in the DNS.
func (l *lookups) problems() []string {
	var all []string
	for i := range l.queries {
		all = append(all, l.queries[i].Problems...)
	}
	return all[:min(len(all), maxProblems)]
}

// notDomain says what a text in the place of a domain is.
func notDomain(text string) string {
	if text == "" {
		return "nothing"
	}
	if strings.HasPrefix(text, "[") || strings.Trim(text, "0123456789.") == "" {
		return "the IP address " + quoted(text)
	}
	return "the malformed name " + quoted(text)
}

// shown returns a domain, or a text in its place, for a sentence.
func shown(domain string) string {
	if isDomain(domain) {
		return domain
	}
	return quoted(domain)
}
