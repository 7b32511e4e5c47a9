package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

const tracedZone = `
	example.org.        TXT  "v=spf1 mx " "-all"
	example.org.        TXT  "a \"quoted\" text"
	example.org.        MX   10 MX.example.org.
	example.org.        MX   20 mx2.example.org.
	mx.example.org.     A    192.0.2.1
	mx.example.org.     AAAA 2001:db8::1
	odd.example.org.    TXT  "a\027[31m\010b\226\128\174"
	null.example.org.   MX   0 .
	1.2.0.192.in-addr.arpa. PTR mx.example.org.
	alias.example.org.  CNAME mx.example.org.
`

// traced returns a resolver for a zone, and what it looks up.
func traced(t *testing.T, cfg resolver.Config, zone string, opts ...resolvertest.Option) (*resolver.Resolver, *resolver.Trace) {
	t.Helper()
	trace := new(resolver.Trace)
	cfg.Observe = trace.Add
	return resolvertest.NewConfig(t, cfg, zone, opts...), trace
}

// only returns the one lookup of a trace.
func only(t *testing.T, trace *resolver.Trace) *resolver.Lookup {
	t.Helper()
	list, dropped := trace.Lookups()
	require.Len(t, list, 1)
	require.Zero(t, dropped)
	return &list[0]
}

// TestOutcomes looks up every type, and names that have each of the errors.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	zone := tracedZone + fmt.Sprintf("long.example.org. TXT %q %q\n", long[:250], long)
	for name, tt := range map[string]struct {
		name   string
		record resolver.Type
		want   string
		source resolver.Source
		err    error
	}{
		"TXT":        {"Example.ORG.", resolver.TypeTXT, `"v=spf1 mx -all", "a \"quoted\" text"`, resolver.FromServers, nil},
		"MX":         {"example.org", resolver.TypeMX, "10 mx.example.org, 20 mx2.example.org", resolver.FromServers, nil},
		"no mail":    {"null.example.org", resolver.TypeMX, "0 .", resolver.FromServers, nil},
		"A":          {"mx.example.org", resolver.TypeA, "192.0.2.1", resolver.FromServers, nil},
		"alias":      {"alias.example.org", resolver.TypeA, "192.0.2.1", resolver.FromServers, nil},
		"AAAA":       {"mx.example.org", resolver.TypeAAAA, "2001:db8::1", resolver.FromServers, nil},
		"PTR":        {"1.2.0.192.in-addr.arpa", resolver.TypePTR, "mx.example.org", resolver.FromServers, nil},
		"hostile":    {"odd.example.org", resolver.TypeTXT, `"a\x1b[31m\nb\u202e"`, resolver.FromServers, nil},
		"long":       {"long.example.org", resolver.TypeTXT, `"` + strings.Repeat("x", 499) + "… and 52 bytes more", resolver.FromServers, nil},
		"no name":    {"none.example", resolver.TypeTXT, "no such name", resolver.FromServers, resolver.ErrNXDomain},
		"no data":    {"mx.example.org", resolver.TypeTXT, "no records of this type", resolver.FromServers, resolver.ErrNoData},
		"not a name": {"a..b\x1b", resolver.TypeTXT, "not a DNS name", resolver.FromNowhere, resolver.ErrName},
		"broken": {
			"broken.example", resolver.TypeTXT, "no usable answer: 192.0.2.53:53: the server answers SERVFAIL",
			resolver.FromServers, resolver.ErrServer,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, trace := traced(t, resolver.Config{}, zone, resolvertest.Fail("broken.example"))
			a, err := r.Lookup(t.Context(), tt.name, tt.record)
			require.ErrorIs(t, err, tt.err)
			l := only(t, trace)
			assert.Equal(t, strings.ToLower(strings.TrimSuffix(tt.name, ".")), l.Name)
			assert.Equal(t, tt.record, l.Type)
			assert.Same(t, a, l.Answer)
			assert.Equal(t, err, l.Err)
			assert.Equal(t, tt.source, l.Source)
			assert.Equal(t, tt.want, l.Outcome())
			assert.True(t, strings.HasPrefix(l.String(), printed(l.Name)+" "+tt.record.String()+": "+tt.want+" ("+string(tt.source)+", "), l.String())
		})
	}
}

// printed is what a terminal shows of the names above.
func printed(name string) string { return strings.ReplaceAll(name, "\x1b", `\x1b`) }

// TestSources looks up a name repeatedly, and in ways in which nothing is looked up.
func TestSources(t *testing.T) {
	t.Parallel()
	r, trace := traced(t, resolver.Config{}, tracedZone)
	over := errors.New("the message is over")
	ended, end := context.WithCancelCause(t.Context())
	end(over)
	budgeted := resolver.WithBudget(t.Context(), resolver.NewBudget(1, 1))
	for _, ctx := range []context.Context{t.Context(), t.Context(), ended, budgeted, budgeted} {
		_, _ = r.LookupA(ctx, "mx.example.org")
	}
	_, _ = r.Net().LookupTXT(t.Context(), "none.example")
	_, _ = r.Net().LookupTXT(t.Context(), "none.example")
	lookups, dropped := trace.Lookups()
	assert.Zero(t, dropped)
	var got []string
	for _, l := range lookups {
		got = append(got, l.Outcome()+" from "+string(l.Source))
	}
	assert.Equal(t, []string{
		"192.0.2.1 from network", "192.0.2.1 from cache", "the message is over from not looked up", "192.0.2.1 from cache",
		"too many lookups for one message: 1 lookups from not looked up", "no such name from network", "no such name from cache",
	}, got)
}

// TestObservedTimes looks up a name that is not answered, and one with a caller who leaves earlier. A
// bubble needs no real time for that.
func TestObservedTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, trace := traced(t, resolver.Config{Timeout: 4 * time.Second}, tracedZone, resolvertest.Silent("silent.example"))
		start := time.Now()
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var lookups sync.WaitGroup
		lookups.Go(func() { _, _ = r.LookupA(t.Context(), "silent.example") })
		synctest.Wait()
		time.Sleep(time.Millisecond)
		_, err := r.LookupA(hasty, "silent.example")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		lookups.Wait()
		list, _ := trace.Lookups() // the hasty one ended first, and began last
		require.Len(t, list, 2)
		assert.Equal(t, start, list[0].Began)
		assert.Equal(t, 4*time.Second, list[0].Duration)
		assert.Equal(t, start.Add(time.Millisecond), list[1].Began)
		assert.Equal(t, 999*time.Millisecond, list[1].Duration)
		assert.Equal(t, "silent.example A: context deadline exceeded (network, 999ms)", list[1].String())
		assert.Equal(t, resolver.FromServers, list[0].Source)
	})
}

// TestTraceBounds adds more than a Trace keeps.
func TestTraceBounds(t *testing.T) {
	t.Parallel()
	large := &resolver.Answer{TXT: []string{strings.Repeat("x", 32<<10)}}
	for name, tt := range map[string]struct {
		answer *resolver.Answer
		add    int
		kept   int
	}{
		"all": {nil, 1000, 1000}, "many": {nil, 1005, 1000}, "large": {large, 200, 127}, "fewer of them": {large, 127, 127},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var trace resolver.Trace
			for range tt.add {
				trace.Add(resolver.Lookup{Name: "example.org", Answer: tt.answer})
			}
			trace.Add(resolver.Lookup{Name: "last"})
			lookups, dropped := trace.Lookups()
			assert.Equal(t, tt.add+1, len(lookups)+dropped)
			assert.InDelta(t, tt.kept, len(lookups), 1)
			assert.LessOrEqual(t, len(lookups), 1000)
		})
	}
}

// TestObserveConcurrently looks up names at the same time. Each lookup is observed once.
func TestObserveConcurrently(t *testing.T) {
	t.Parallel()
	r, trace := traced(t, resolver.Config{}, tracedZone)
	var lookups sync.WaitGroup
	for range 50 {
		lookups.Go(func() { _, _ = r.LookupA(t.Context(), "mx.example.org") })
		lookups.Go(func() { _, _ = r.LookupMX(t.Context(), "example.org") })
	}
	lookups.Wait()
	list, dropped := trace.Lookups()
	assert.Zero(t, dropped)
	counts := make(map[string]int)
	for _, l := range list {
		require.NoError(t, l.Err)
		counts[l.Name]++
	}
	assert.Equal(t, map[string]int{"mx.example.org": 50, "example.org": 50}, counts)
	stats := r.Stats()
	assert.EqualValues(t, 100, stats.Hits+stats.Misses)
}

// TestUnobserved measures a lookup that nothing observes.
func TestUnobserved(t *testing.T) { //nolint:paralleltest // it counts allocations
	r := resolvertest.New(t, tracedZone)
	lookUp := func() { _, _ = r.LookupA(t.Context(), "mx.example.org") }
	lookUp()
	assert.LessOrEqual(t, testing.AllocsPerRun(100, lookUp), 1.0, "the name in lower case")
}
