package dmarc_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dmarc"
	"github.com/sluicemail/sluice/contrib/resolver"
)

// plain is a resolver for properties: the texts of names, and the names that fail.
type plain struct {
	texts  map[string][]string
	broken map[string]bool

	mu    sync.Mutex
	asked []string
}

func (p *plain) ask(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, name)
}

func (p *plain) LookupTXT(_ context.Context, name string) ([]string, error) {
	p.ask(name)
	switch texts := p.texts[strings.TrimSuffix(name, ".")]; {
	case p.broken[strings.TrimSuffix(name, ".")]:
		return nil, resolver.ErrServer
	case len(texts) == 0:
		return nil, resolver.ErrNoData
	default:
		return texts, nil
	}
}

func (p *plain) LookupA(_ context.Context, name string) ([]netip.Addr, error) {
	p.ask(name)
	if p.broken[strings.TrimSuffix(name, ".")] {
		return nil, resolver.ErrServer
	}
	return nil, resolver.ErrNXDomain
}

// pick returns one of the values.
func pick[T any](rnd *rand.Rand, values ...T) T { return values[rnd.IntN(len(values))] }

// randomName returns a name of 1 to n labels. Names share labels, so that many are related.
func randomName(rnd *rand.Rand, n int) string {
	name := pick(rnd, "com", "org")
	for range rnd.IntN(n) {
		name = pick(rnd, "a", "b", "c") + "." + name
	}
	return name
}

// randomZone returns records at some of the names.
func randomZone(rnd *rand.Rand) *plain {
	p := &plain{texts: make(map[string][]string), broken: make(map[string]bool)}
	for range rnd.IntN(12) {
		name := "_dmarc." + randomName(rnd, 10)
		text := "v=DMARC1; p=" + pick(rnd, "none", "reject", "quarantine", "x") + pick(rnd, "", "", "", "; psd=n", "; psd=y") +
			pick(rnd, "", "", "; adkim=s", "; aspf=s") + pick(rnd, "", "; np=reject") + pick(rnd, "", "; t=y") + pick(rnd, "", "; rua=mailto:a@b")
		p.texts[name] = append(p.texts[name], text)
	}
	return p
}

// seeds calls a function with a source of random numbers, many times.
func seeds(t *testing.T, property func(rnd *rand.Rand)) {
	t.Helper()
	for seed := range uint64(2000) {
		property(rand.New(rand.NewPCG(seed, 9989)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// What is true of every organizational domain: it is the name or above it, a walk to it has
// eight queries at most and none twice, and if it has a record of its own that is not of a public
// suffix, then it is its own organizational domain.
func TestOrganizationalDomainProperties(t *testing.T) {
	t.Parallel()
	seeds(t, func(rnd *rand.Rand) {
		dns, name := randomZone(rnd), randomName(rnd, 12)
		d, err := dmarc.Discover(t.Context(), dns, name)
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix("."+name, "."+d.OrganizationalDomain), "%s of %s", d.OrganizationalDomain, name)
		assert.LessOrEqual(t, len(dns.asked), 8)
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(dns.asked))), len(dns.asked))
		if d.PolicyDomain != "" {
			assert.True(t, strings.HasSuffix("."+name, "."+d.PolicyDomain))
		}
		above, err := dmarc.Discover(t.Context(), dns, d.OrganizationalDomain)
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix("."+d.OrganizationalDomain, "."+above.OrganizationalDomain))
		if d.PolicyDomain == d.OrganizationalDomain {
			assert.Equal(t, d.OrganizationalDomain, above.OrganizationalDomain)
		}
	})
}

// A subdomain without a record of its own has the organizational domain of the name above it, if
// that has a record, or records above it, and no public suffix or long name is between them.
func TestOrganizationOfSubdomain(t *testing.T) {
	t.Parallel()
	seeds(t, func(rnd *rand.Rand) {
		dns, name := randomZone(rnd), randomName(rnd, 6)
		d, err := dmarc.Discover(t.Context(), dns, name)
		require.NoError(t, err)
		sub, err := dmarc.Discover(t.Context(), dns, "new."+name)
		require.NoError(t, err)
		switch {
		case d.Record == nil:
			assert.Equal(t, "new."+name, sub.OrganizationalDomain)
		case d.PolicyDomain == name && d.Record.PSD == dmarc.PSDYes:
			assert.Equal(t, "new."+name, sub.OrganizationalDomain)
			assert.Equal(t, name, sub.PolicyDomain)
		default:
			assert.Equal(t, d.OrganizationalDomain, sub.OrganizationalDomain)
		}
	})
}

// If the only authenticated domains equal the author domain, or if alignment is strict, the only
// query is that for the record.
func TestNoWalkWithoutNeed(t *testing.T) {
	t.Parallel()
	seeds(t, func(rnd *rand.Rand) {
		dns, author := randomZone(rnd), randomName(rnd, 6)
		in := input(author, "spf=pass "+author+", dkim=pass "+author)
		tags := "p=reject"
		if rnd.IntN(2) == 0 {
			in = input(author, "spf=pass "+randomName(rnd, 6)+", dkim=pass "+randomName(rnd, 6))
			tags += "; adkim=s; aspf=s"
		}
		dns.texts["_dmarc."+author] = []string{"v=DMARC1; " + tags}
		dmarc.Evaluate(t.Context(), dns, in)
		assert.Equal(t, []string{"_dmarc." + author + "."}, dns.asked)
	})
}

// A result does not depend on the order of the signatures or on the case of names. It passes if
// and only if an identity is aligned, and more identities never make a pass fail.
func TestEvaluateProperties(t *testing.T) {
	t.Parallel()
	seeds(t, func(rnd *rand.Rand) {
		dns := randomZone(rnd)
		for range rnd.IntN(3) {
			dns.broken["_dmarc."+randomName(rnd, 8)] = true
		}
		author, results := randomName(rnd, 8), "spf="+pick(rnd, "pass", "fail", "temperror")+" "+randomName(rnd, 8)
		for range rnd.IntN(4) {
			results += ",dkim=" + pick(rnd, "pass", "pass", "fail", "temperror") + " " + randomName(rnd, 8)
		}
		in := input(author, results)
		r := dmarc.Evaluate(t.Context(), dns, in)
		checkResult(t, r)

		slices.Reverse(in.DKIM)
		in.From[0] = strings.ToUpper(in.From[0])
		again := dmarc.Evaluate(t.Context(), dns, in)
		assert.Equal(t, outcome(r), outcome(again))
		assert.Equal(t, aligned(r), aligned(again))

		in.DKIM = append(in.DKIM, dmarc.DKIM{Result: "pass", Domain: randomName(rnd, 8)})
		more := dmarc.Evaluate(t.Context(), dns, in)
		if r.Status == dmarc.StatusPass || r.Status == dmarc.StatusNone {
			assert.Equal(t, r.Status, more.Status)
		}
	})
}

// maxQueries is the documented limit for a message: five author domains, ten other domains with
// eight queries each, and a query for the existence of each author domain.
const maxQueries = (5+10)*8 + 5

// Whatever the sender has written, the number of queries is limited, and no name is asked twice.
// Although queries are made at the same time, none is made that the evaluation did not need.
func TestQueriesAreLimited(t *testing.T) {
	t.Parallel()
	seeds(t, func(rnd *rand.Rand) {
		dns := randomZone(rnd)
		for range rnd.IntN(3) {
			dns.broken[pick(rnd, "", "_dmarc.")+randomName(rnd, 8)] = true
		}
		in := dmarc.Input{}
		for range rnd.IntN(7) {
			in.AuthorDomains = append(in.AuthorDomains, randomName(rnd, 12))
		}
		for range rnd.IntN(40) {
			in.DKIM = append(in.DKIM, dmarc.DKIM{Result: "pass", Domain: strconv.Itoa(rnd.IntN(90)) + "." + randomName(rnd, 12)})
		}
		r := dmarc.Evaluate(t.Context(), dns, in)
		assert.LessOrEqual(t, len(dns.asked), maxQueries)
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(dns.asked))), len(dns.asked))
		if r.Status != dmarc.StatusPermError {
			needed := queried(r.Queries)
			for i := range needed {
				needed[i] += "."
			}
			assert.ElementsMatch(t, needed, dns.asked)
		}
	})
}
