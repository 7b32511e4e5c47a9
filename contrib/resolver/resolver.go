package resolver

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicemail/sluice/framework"
)

// Resolver looks up records in the DNS and caches the answers. It keeps no
// connection or goroutine between lookups, so it needs no end. A Resolver is safe
// for concurrent use. Create one with [New].
type Resolver struct {
	cfg    Config
	cache  *cache
	places *places

	mu      sync.Mutex
	flights map[key]*flight // those that a further caller may join

	hits, misses, failures, busy, gaveWay atomic.Uint64
}

// New returns a resolver. It queries no server yet.
func New(cfg Config) (*Resolver, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Resolver{
		cfg: cfg, cache: newCache(cfg.MaxNames, cfg.MaxBytes), places: newPlaces(&cfg), flights: make(map[key]*flight),
	}, nil
}

// Lookup looks up the records of a type. A dot at the end of the name makes no
// difference: the name is always complete. If there are no records, the error
// matches [ErrNXDomain] or [ErrNoData]. Lookup returns as soon as the context
// ends. The queries continue only if others wait for the same answer.
//
// In a message that is recorded, Lookup tells the recording: see framework.RecordNote.
func (r *Resolver) Lookup(ctx context.Context, name string, t Type) (*Answer, error) {
	recorded := framework.Recorded(ctx)
	if r.cfg.Observe == nil && !recorded {
		a, _, err := r.counted(ctx, name, t)
		return a, err
	}
	began := time.Now()
	a, source, err := r.counted(ctx, name, t)
	if clean, ok := cleanName(name); ok {
		name = clean
	}
	l := Lookup{Name: name, Type: t, Answer: a, Err: err, Source: source, Began: began, Duration: time.Since(began)}
	if recorded {
		framework.RecordNote(ctx, "dns", l.note(), began, err)
	}
	if r.cfg.Observe != nil {
		r.cfg.Observe(l)
	}
	return a, err
}

// counted looks up the records, and counts that against the budget of the context.
func (r *Resolver) counted(ctx context.Context, name string, t Type) (*Answer, Source, error) {
	budget := budgetOf(ctx)
	if err := budget.spend(); err != nil {
		return nil, FromNowhere, newFailure(ErrBudget, name, t, err)
	}
	a, source, err := r.lookup(ctx, budget, name, t)
	if errors.Is(err, ErrNXDomain) || errors.Is(err, ErrNoData) || errors.Is(err, ErrName) {
		if spent := budget.spendVoid(); spent != nil {
			return nil, source, newFailure(ErrBudget, name, t, spent)
		}
	}
	return a, source, err
}

func (r *Resolver) lookup(ctx context.Context, budget *Budget, name string, t Type) (*Answer, Source, error) {
	clean, ok := cleanName(name)
	if !ok || !t.known() {
		return nil, FromNowhere, newFailure(ErrName, name, t, nil)
	}
	if ctx.Err() != nil {
		return nil, FromNowhere, context.Cause(ctx)
	}
	k := key{clean, t}
	if e, ok := r.cache.get(k); ok {
		r.hits.Add(1)
		a, err := e.outcome()
		return a, FromCache, err
	}
	r.misses.Add(1)
	a, err := r.fetch(ctx, budget, k)
	return a, FromServers, err
}

// fetch queries the servers, together with others who wait for the same answer.
func (r *Resolver) fetch(ctx context.Context, budget *Budget, k key) (*Answer, error) {
	if !budget.enter(ctx) {
		return nil, context.Cause(ctx)
	}
	defer budget.leave()
	f := r.join(k)
	defer r.quit(f)
	select {
	case <-f.done:
		return f.outcome.outcome()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// keep puts the outcome of a lookup into the cache.
func (r *Resolver) keep(k key, answer *Answer, err error) *entry {
	e := &entry{key: k}
	var lifetime time.Duration
	switch {
	case err == nil:
		e.answer, lifetime = answer, clamp(answer.ttl, r.cfg.MinTTL, r.cfg.MaxTTL)
	case errors.Is(err, ErrNXDomain):
		e.err, lifetime = newFailure(ErrNXDomain, k.name, k.record, nil), r.negative(answer.ttl)
	case errors.Is(err, ErrNoData):
		e.err, lifetime = newFailure(ErrNoData, k.name, k.record, nil), r.negative(answer.ttl)
	case errors.Is(err, ErrTooLarge):
		e.err, lifetime = newFailure(ErrTooLarge, k.name, k.record, nil), r.cfg.Failure
	default:
		r.failures.Add(1)
		e.err, lifetime = newFailure(ErrServer, k.name, k.record, err), r.cfg.Failure
	}
	r.cache.put(e, lifetime)
	return e
}

func (r *Resolver) negative(ttl time.Duration) time.Duration {
	return clamp(ttl, min(r.cfg.MinTTL, r.cfg.MaxNegative), r.cfg.MaxNegative)
}

func clamp(d, low, high time.Duration) time.Duration { return max(low, min(d, high)) }

// LookupTXT returns the TXT records of a name, each with its strings joined. See
// [Resolver.Lookup]. The slice must not be modified.
func (r *Resolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := r.Lookup(ctx, name, TypeTXT)
	if err != nil {
		return nil, err
	}
	return a.TXT, nil
}

// LookupA returns the IPv4 addresses of a name. See [Resolver.Lookup]. The slice
// must not be modified.
func (r *Resolver) LookupA(ctx context.Context, name string) ([]netip.Addr, error) {
	a, err := r.Lookup(ctx, name, TypeA)
	if err != nil {
		return nil, err
	}
	return a.Addrs, nil
}

// LookupAAAA returns the IPv6 addresses of a name. See [Resolver.Lookup]. The
// slice must not be modified.
func (r *Resolver) LookupAAAA(ctx context.Context, name string) ([]netip.Addr, error) {
	a, err := r.Lookup(ctx, name, TypeAAAA)
	if err != nil {
		return nil, err
	}
	return a.Addrs, nil
}

// LookupMX returns the mail exchangers of a domain in the order of the answer.
// See [Resolver.Lookup]. The slice must not be modified.
func (r *Resolver) LookupMX(ctx context.Context, domain string) ([]MX, error) {
	a, err := r.Lookup(ctx, domain, TypeMX)
	if err != nil {
		return nil, err
	}
	return a.MX, nil
}

// LookupPTR returns the names of an address. Anyone can give an address any name:
// look up the addresses of a name before you trust it. See [Resolver.Lookup]. The
// slice must not be modified.
func (r *Resolver) LookupPTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	name, err := reverseName(addr)
	if err != nil {
		return nil, newFailure(ErrName, addr.String(), TypePTR, err)
	}
	a, err := r.Lookup(ctx, name, TypePTR)
	if err != nil {
		return nil, err
	}
	return a.Names, nil
}

// Stats are counts for metrics.
type Stats struct {
	// Hits and Misses count the lookups that the cache had or did not have
	// an answer for. Lookups that share one are one miss each.
	Hits, Misses uint64
	// Failures counts the lookups that ended with ErrServer, without those
	// that the cache answered.
	Failures uint64
	// Busy counts the lookups that ended with ErrBusy. GaveWay counts those
	// among them that had begun to query servers, and gave way to others.
	Busy, GaveWay uint64
	// Entries and Bytes are the size of the cache.
	Entries, Bytes int
	// InFlight is the number of lookups that query servers now, and Waiting
	// the number of those that wait for a place.
	InFlight, Waiting int
}

// Stats returns the counts at this time.
func (r *Resolver) Stats() Stats {
	s := Stats{
		Hits: r.hits.Load(), Misses: r.misses.Load(), Failures: r.failures.Load(), Busy: r.busy.Load(), GaveWay: r.gaveWay.Load(),
	}
	s.InFlight, s.Waiting = r.places.counts()
	s.Entries, s.Bytes = r.cache.size()
	return s
}
