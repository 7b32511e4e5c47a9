package dmarc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// Query is a query to the DNS and its answer, to show to people.
type Query struct {
	// Name is the name, such as "_dmarc.example.org".
	Name string
	// Type is "TXT" for records, or "A" to learn whether the name exists.
	Type string
	// Answer says in words what was found. It is safe to display.
	Answer string
	// Text is the text of the DMARC record, or "". Its owner may have written anything.
	Text string
	// Problems are sentences about mistakes in the record, or about texts that are almost
	// records. They are safe to display.
	Problems []string
	// Err is why there is no answer, or nil. It is nil if the DNS says that there are no
	// records.
	Err error
}

// lookups looks up what an evaluation needs, each name once.
type lookups struct {
	resolver Resolver
	records  map[string]*published
	exist    map[string]existence
	queries  []Query
}

func newLookups(r Resolver) *lookups {
	return &lookups{resolver: r, records: make(map[string]*published), exist: make(map[string]existence)}
}

// published is what is known of the record of a domain. Without a record and without an error,
// the domain has none.
type published struct {
	domain string
	record *Record
	text   string
	err    error
}

type existence struct {
	exists bool
	err    error
}

// record looks up the record of a domain.
func (l *lookups) record(ctx context.Context, domain string) *published {
	if p, ok := l.records[domain]; ok {
		return p
	}
	p := &published{domain: domain}
	l.records[domain] = p
	const prefix = "_dmarc."
	if len(prefix)+len(domain) > maxDomain {
		return p // the DNS can have no such name
	}
	q := Query{Name: prefix + domain, Type: "TXT"}
	texts, err := l.resolver.LookupTXT(ctx, q.Name+".")
	switch {
	case err == nil:
		p.choose(texts, &q)
	case errors.Is(err, resolver.ErrNXDomain):
		q.Answer = "no such name"
	case errors.Is(err, resolver.ErrNoData), errors.Is(err, resolver.ErrName):
		q.Answer = "no TXT record"
	default:
		p.err = &lookupError{name: q.Name, kind: q.Type, err: err}
		q.Answer, q.Err = "failed: "+cause(err), err
	}
	l.queries = append(l.queries, q)
	return p
}

// choose keeps the DMARC record among the TXT records of a name. If there is more than one,
// all of them are discarded (RFC 9989 section 4.10).
func (p *published) choose(texts []string, q *Query) {
	found := 0
	for _, text := range texts {
		switch err := checkVersion(text); {
		case err == nil:
			found++
			p.text = text
		case looksLikeRecord(text) && len(q.Problems) < maxProblems:
			q.Problems = append(q.Problems, fmt.Sprintf("The text %s is no record: %s.", quoted(text), strings.TrimPrefix(err.Error(), ErrRecord.Error()+": ")))
		}
	}
	switch {
	case found == 1:
		p.record, _ = ParseRecord(p.text)
		q.Answer, q.Text = "a DMARC record", p.text
		if p.record != nil {
			q.Problems = append(q.Problems, p.record.Problems...)
		}
	case found > 1:
		p.text = ""
		q.Answer = fmt.Sprintf("%d DMARC records: none of them counts", found)
		q.Problems = append(q.Problems, fmt.Sprintf("%s has %d DMARC records, and so none of them counts: remove all but one.", q.Name, found))
	default:
		q.Answer = "no DMARC record among the TXT records"
	}
}

// looksLikeRecord reports whether a text that is not a DMARC record is probably meant as one.
func looksLikeRecord(text string) bool {
	text = strings.ToLower(strings.TrimLeft(text[:min(len(text), maxVersion)], blanks+`"'`))
	return strings.HasPrefix(text, "v=dmarc") || strings.HasPrefix(text, "dmarc1")
}

// exists reports whether a domain exists: whether there are any records of the name or of names
// below it. One query tells, because for a name that does not exist the answer is the same
// whatever the type (RFC 9989 sections 3.2.13 and A.4).
func (l *lookups) exists(ctx context.Context, domain string) (bool, error) {
	if e, ok := l.exist[domain]; ok {
		return e.exists, e.err
	}
	q := Query{Name: domain, Type: "A", Answer: "the name exists"}
	e := existence{exists: true}
	_, err := l.resolver.LookupA(ctx, domain+".")
	switch {
	case errors.Is(err, resolver.ErrNXDomain):
		q.Answer, e.exists = "no such name", false
	case err == nil, errors.Is(err, resolver.ErrNoData), errors.Is(err, resolver.ErrTooLarge):
	default:
		e.err = &lookupError{name: q.Name, kind: q.Type, err: err}
		q.Answer, q.Err = "failed: "+cause(err), err
	}
	l.exist[domain] = e
	l.queries = append(l.queries, q)
	return e.exists, e.err
}

// lookupError is the error of a lookup that failed.
type lookupError struct {
	name, kind string
	err        error
}

// Error returns words that are safe to show to senders: the text of a resolver's error may
// name its servers.
func (e *lookupError) Error() string {
	return fmt.Sprintf("the lookup of %s (%s) failed: %s", e.name, e.kind, cause(e.err))
}

func (e *lookupError) Unwrap() error { return e.err }

// cause says in words why a lookup failed.
func cause(err error) string {
	switch {
	case errors.Is(err, resolver.ErrTooLarge):
		return "the answer is too large"
	case errors.Is(err, resolver.ErrBusy):
		return "this host has too many lookups at the same time"
	case errors.Is(err, resolver.ErrBudget):
		return "the message has used up its lookups"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "the time for the message is over"
	default:
		return "no name server gave a usable answer"
	}
}

// isPermanent reports whether a later lookup will fail, too.
func isPermanent(err error) bool { return errors.Is(err, resolver.ErrTooLarge) }
