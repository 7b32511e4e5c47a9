package spf

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/sluicemail/sluice/contrib/internal/beside"
	"github.com/sluicemail/sluice/contrib/internal/deadline"
	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/framework/message"
)

// Query is what a check is about.
type Query struct {
	// IP is the address of the client that delivers the message.
	IP netip.Addr
	// Helo is the name that the client gave with HELO or EHLO.
	Helo string
	// MailFrom is the envelope sender without angle brackets. It is "" for a bounce.
	MailFrom string
	// Receiver is the name of this host, for explanations that contain it (%{r}).
	Receiver string
	// HeloIfNeeded checks Helo only if MailFrom is "" or does not pass.
	HeloIfNeeded bool
	// Timeout limits the time of the check. It defaults to 20 seconds, which RFC 7208
	// section 4.6.4 recommends at least.
	Timeout time.Duration
}

// maxQueries limits the lookups in the DNS for a message. It is what RFC 7208 allows two
// checks to need: so neither can take the lookups of the other.
const maxQueries = 2 * (1 + maxTerms*(1+maxHosts) + 2*(1+maxHosts))

// Check checks the two identities of a message (RFC 7208), at the same time. It returns when
// both are checked, when the time is over, or when the context ends: what is not known by then
// is [TempError].
//
// It returns no error: what goes wrong is in the results.
func Check(ctx context.Context, dns *resolver.Resolver, q Query) Results {
	if q.Timeout <= 0 {
		q.Timeout = defaultTimeout
	}
	ctx, cancel := deadline.Context(ctx, q.Timeout)
	defer cancel()
	ctx = resolver.WithBudget(ctx, resolver.NewBudget(maxQueries, maxQueries))
	q.IP = q.IP.Unmap().WithZone("")
	r := q.results()
	if r.bounce {
		r.Helo = evaluate(ctx, dns, &q, r.Helo)
		r.MailFrom = r.Helo
		r.MailFrom.Identity = MailFrom
		return r
	}
	if q.HeloIfNeeded {
		return checkInOrder(ctx, dns, &q, r)
	}
	var helo beside.Group
	helo.Go(func() { r.Helo = evaluate(ctx, dns, &q, r.Helo) })
	r.MailFrom = evaluate(ctx, dns, &q, r.MailFrom)
	helo.Wait()
	return r
}

// checkInOrder checks HELO only if MAIL FROM does not pass.
func checkInOrder(ctx context.Context, dns *resolver.Resolver, q *Query, r Results) Results {
	r.MailFrom = evaluate(ctx, dns, q, r.MailFrom)
	if r.noHelo = r.MailFrom.Status == Pass; r.noHelo {
		r.Helo.Reason = "not checked, because MAIL FROM passes"
		return r
	}
	r.Helo = evaluate(ctx, dns, q, r.Helo)
	return r
}

const defaultTimeout = 20 * time.Second

// postmaster is the local part of an identity that has none.
const postmaster = "postmaster"

// results returns the results before the check.
func (q *Query) results() Results {
	helo := newResult(Helo, postmaster, domainOf(q.Helo))
	if q.MailFrom == "" {
		return Results{Client: q.IP, MailFrom: newResult(MailFrom, postmaster, domainOf(q.Helo)), Helo: helo, bounce: true}
	}
	local, domain := splitSender(q.MailFrom)
	return Results{Client: q.IP, MailFrom: newResult(MailFrom, local, domainOf(domain)), Helo: helo}
}

// newResult returns a result before the check.
func newResult(identity Identity, local, domain string) Result {
	if local != shown(local, maxLocal) {
		local = "" // another local part would be another address
	}
	sender := local
	if domain != "" {
		sender += "@" + domain
	}
	return Result{Identity: identity, Status: None, Domain: shown(domain, maxShown), Sender: shown(sender, maxShown)}
}

// splitSender splits an address at its last @. The local part is never "".
func splitSender(address string) (local, domain string) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, ""
	}
	if i == 0 {
		return postmaster, address[1:]
	}
	return address[:i], address[i+1:]
}

// domainOf returns a domain in lower case, with A-labels, and without a dot at its end.
func domainOf(domain string) string { return strings.TrimSuffix(message.Domain(domain).ASCII(), ".") }

// evaluate checks one identity.
func evaluate(ctx context.Context, dns *resolver.Resolver, q *Query, r Result) Result {
	c := &check{dns: dns, ip: q.IP, helo: cut(q.Helo), receiver: q.Receiver, local: postmaster, domain: domainOf(q.Helo)}
	if r.Identity == MailFrom {
		c.local, c.domain = splitSender(q.MailFrom)
		c.local, c.domain = cut(c.local), domainOf(c.domain)
	}
	switch {
	case !q.IP.IsValid():
		r.Reason = "the client has no IP address"
		return r
	case !isMailDomain(c.domain):
		r.Reason = "not a domain of several labels"
		return r
	}
	found, err := c.host(ctx, c.domain)
	r.Status = found.status
	if err != nil {
		r.Status, r.Reason = err.status, shown(err.reason, maxReason)
		return r
	}
	r.Mechanism, r.Reason = shown(found.mechanism, maxReason), shown(found.reason, maxReason)
	if found.status == Fail {
		r.Explanation = c.explain(ctx, &found)
	}
	return r
}

// cut returns a text that is not longer than a macro's value may be. No honest client sends a
// longer one.
func cut(text string) string { return text[:min(len(text), maxValue)] }

const maxValue = 512

// isMailDomain reports whether a domain can have a record: it has two labels at least, and
// is no address.
func isMailDomain(domain string) bool {
	const longestName, longestLabel = 253, 63
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	if len(last) == len(domain) || len(domain) > longestName || strings.Trim(last, "0123456789") == "" {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > longestLabel {
			return false
		}
		for _, c := range []byte(label) {
			if !isAlphaNum(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
