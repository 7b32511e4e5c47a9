package dmarc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

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

// lookups looks up what an evaluation needs, each name once. Several goroutines may look up.
type lookups struct {
	resolver Resolver

	mu      sync.Mutex
	answers map[question]*published

	// queries are what the evaluation itself has asked for, in that order, whoever looked it
	// up before. Only one goroutine may evaluate.
	queries []Query
	listed  map[question]bool
}

// question is a name and a type of records.
type question struct{ name, kind string }

func newLookups(r Resolver) *lookups {
	return &lookups{resolver: r, answers: make(map[question]*published), listed: make(map[question]bool)}
}

// published is what the DNS says about a domain: its record, or whether it exists. Without a
// record and without an error, the domain has none.
type published struct {
	domain string
	record *Record
	text   string
	exists bool
	err    error

	query Query
	done  chan struct{} // closed when the fields above are set
}

// find looks a question up with fetch, or waits for the goroutine that does so already.
func (l *lookups) find(ctx context.Context, q question, domain string, fetch func(context.Context, *published)) *published {
	l.mu.Lock()
	p, ok := l.answers[q]
	if !ok {
		p = newPublished(q, domain, errUnfinished)
		l.answers[q] = p
	}
	l.mu.Unlock()
	if !ok {
		defer close(p.done)
		fetch(ctx, p)
		return p
	}
	select {
	case <-p.done:
		return p
	default:
	}
	select {
	case <-p.done:
		return p
	case <-ctx.Done():
		return newPublished(q, domain, context.Cause(ctx))
	}
}

// errUnfinished is the error of a lookup that a panic ended.
var errUnfinished = errors.New("dmarc: the lookup did not return")

// newPublished returns a lookup that failed with an error, unless it succeeds yet.
func newPublished(q question, domain string, err error) *published {
	p := &published{domain: domain, query: Query{Name: q.name, Type: q.kind}, done: make(chan struct{})}
	p.fail(err)
	return p
}

func (p *published) fail(err error) {
	p.err = &lookupError{name: p.query.Name, kind: p.query.Type, err: err}
	p.query.Answer, p.query.Err = "failed: "+cause(err), err
}

// answered sets the answer in words.
func (p *published) answered(text string) {
	p.err, p.query.Answer, p.query.Err = nil, text, nil
}

// list adds a lookup to the queries of the evaluation if it is new there.
func (l *lookups) list(p *published) *published {
	if q := (question{p.query.Name, p.query.Type}); q.name != "" && !l.listed[q] {
		l.listed[q] = true
		l.queries = append(l.queries, p.query)
	}
	return p
}

// record looks up the record of a domain for the evaluation.
func (l *lookups) record(ctx context.Context, domain string) *published {
	return l.list(l.fetchRecord(ctx, domain))
}

// fetchRecord looks up the record of a domain.
func (l *lookups) fetchRecord(ctx context.Context, domain string) *published {
	const prefix = "_dmarc."
	if len(prefix)+len(domain) > maxDomain {
		return &published{domain: domain} // the DNS can have no such name
	}
	return l.find(ctx, question{prefix + domain, "TXT"}, domain, func(ctx context.Context, p *published) {
		texts, err := l.resolver.LookupTXT(ctx, p.query.Name+".")
		switch {
		case err == nil:
			p.answered("")
			p.choose(texts)
		case errors.Is(err, resolver.ErrNXDomain):
			p.answered("no such name")
		case errors.Is(err, resolver.ErrNoData), errors.Is(err, resolver.ErrName):
			p.answered("no TXT record")
		default:
			p.fail(err)
		}
	})
}

// choose keeps the DMARC record among the TXT records of a name. If there is more than one,
// all of them are discarded (RFC 9989 section 4.10).
func (p *published) choose(texts []string) {
	found, q := 0, &p.query
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
	p := l.list(l.fetchExistence(ctx, domain))
	return p.exists, p.err
}

// fetchExistence looks up whether a domain exists.
func (l *lookups) fetchExistence(ctx context.Context, domain string) *published {
	return l.find(ctx, question{domain, "A"}, domain, func(ctx context.Context, p *published) {
		_, err := l.resolver.LookupA(ctx, domain+".")
		switch {
		case errors.Is(err, resolver.ErrNXDomain):
			p.answered("no such name")
		case err == nil, errors.Is(err, resolver.ErrNoData), errors.Is(err, resolver.ErrTooLarge):
			p.answered("the name exists")
			p.exists = true
		default:
			p.fail(err)
		}
	})
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
