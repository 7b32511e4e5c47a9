package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

// partly returns a name server that does not answer for names with "silent" in them,
// nor for two networks. It takes 50 ms for others.
func partly(t testing.TB) *piped {
	t.Helper()
	return &piped{answer: func(q *dns.Msg) *dns.Msg {
		for _, part := range []string{"silent", ".2.0.192.in-addr.arpa.", ".8.b.d.0.1.0.0.2.ip6.arpa."} {
			if strings.Contains(q.Question[0].Name, part) {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
		m := reply(q)
		m.Answer = records(t, q.Question[0].Name+" 60 TXT x")
		return m
	}}
}

// TestSilentNames looks up names that are never answered, as messages with signatures
// of silent domains make a filter do, and one healthy name each second. The healthy
// names are answered in a second.
func TestSilentNames(t *testing.T) {
	t.Parallel()
	const length = 20 * time.Second
	tests := map[string]struct {
		silent  func(i int) string
		rate    int // silent names a second
		at      int // at the same time
		healthy string
		places  int // that silent names take at most
	}{
		"of one domain":              {func(i int) string { return fmt.Sprintf("s%d.silent.example", i) }, 20, 1, "s.good%d.example", 32},
		"of one domain, many":        {func(i int) string { return fmt.Sprintf("s%d.silent.example", i) }, 1000, 100, "s.good%d.example", 32},
		"of subdomains of a domain":  {func(i int) string { return fmt.Sprintf("s.d%d.silent.example", i) }, 100, 10, "s.good%d.example", 32},
		"of a domain in a registry":  {func(i int) string { return fmt.Sprintf("s.d%d.silent.co.uk", i) }, 100, 10, "s.good%d.co.uk", 32},
		"of the domain itself":       {func(i int) string { return fmt.Sprintf("s%d.silent.example", i) }, 20, 1, "s%d.good.example", 32},
		"of the same domain":         {func(i int) string { return fmt.Sprintf("s%d.silent.good.example", i) }, 20, 1, "s%d.good.example", 32},
		"of addresses in a network":  {func(i int) string { return fmt.Sprintf("%d.2.0.192.in-addr.arpa", i) }, 100, 10, "%d.100.51.198.in-addr.arpa", 32},
		"of addresses, IPv6":         {func(i int) string { return fmt.Sprintf("%d.8.b.d.0.1.0.0.2.ip6.arpa", i) }, 100, 10, "%d.9.b.d.0.1.0.0.2.ip6.arpa", 32},
		"of ten domains":             {func(i int) string { return fmt.Sprintf("s%d.silent%d.example", i, i%10) }, 400, 100, "s.good%d.example", 256},
		"of a domain each":           {func(i int) string { return fmt.Sprintf("s.silent%d.example", i) }, 100, 10, "s.good%d.example", 256},
		"of a domain each, many":     {func(i int) string { return fmt.Sprintf("s.silent%d.example", i) }, 400, 100, "s.good%d.example", 256},
		"of a domain each, at once":  {func(i int) string { return fmt.Sprintf("s.silent%d.example", i) }, 100, 500, "s.good%d.example", 256},
		"of public suffixes":         {func(i int) string { return fmt.Sprintf("silent%d", i) }, 100, 10, "good%d", 256},
		"of two domains in one name": {func(i int) string { return fmt.Sprintf("s.silent%d.good%d.example", i, i) }, 100, 10, "s.good%d.example", 256},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := partly(t).resolver(t, resolver.Config{})
				start := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() {
					for i := 0; time.Since(start) < length; i++ {
						wg.Go(func() { _, _ = r.LookupTXT(t.Context(), c.silent(i)) })
						if i%c.at == c.at-1 {
							time.Sleep(time.Duration(c.at) * time.Second / time.Duration(c.rate))
						}
					}
				})
				time.Sleep(10 * time.Millisecond)
				for i := 0; time.Since(start) < length; i++ {
					time.Sleep(time.Second)
					asked := time.Now()
					_, err := r.LookupTXT(t.Context(), fmt.Sprintf(c.healthy, i))
					require.NoError(t, err, "after %v", time.Since(start))
					assert.LessOrEqual(t, time.Since(asked), time.Second)
					assert.LessOrEqual(t, r.Stats().InFlight, c.places)
				}
				wg.Wait()
				stats := r.Stats()
				assert.Zero(t, stats.InFlight+stats.Waiting)
				assert.LessOrEqual(t, stats.GaveWay, stats.Busy)
			})
		})
	}
}

// TestSlowNames tests that a name whose answer takes long is answered if no other
// lookup needs its place, and that others do not wait for it.
func TestSlowNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   resolver.Config
		names string
		fine  string // the names that are answered
	}{
		"places are free":          {resolver.Config{}, "a.test b.test c.test", "a.test b.test c.test"},
		"the oldest gives way":     {resolver.Config{MaxLookups: 2}, "a.test b.test c.test", "b.test c.test"},
		"of the largest domain":    {resolver.Config{MaxLookups: 3}, "a.test b1.b.test b2.b.test c.test", "a.test b2.b.test c.test"},
		"of its own domain":        {resolver.Config{MaxPerDomain: 1}, "a.test b1.b.test b2.b.test c.test", "a.test b2.b.test c.test"},
		"others do not wait":       {resolver.Config{MaxPerDomain: 1, GiveWay: time.Hour}, "b1.b.test b2.b.test c.test", "b1.b.test b2.b.test c.test"},
		"nobody waits for so long": {resolver.Config{MaxLookups: 2, GiveWay: 3 * time.Second}, "a.test b.test c.test", "a.test b.test c.test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := answering(t, dns.RcodeSuccess, []string{"@ 60 TXT x"}, nil)
				p.after = 2 * time.Second
				r := p.resolver(t, c.cfg)
				var wg sync.WaitGroup
				var busy atomic.Int32
				names := strings.Fields(c.names)
				for i, name := range names {
					if i == len(names)-1 {
						time.Sleep(600 * time.Millisecond)
					}
					wg.Go(func() {
						_, err := r.LookupTXT(t.Context(), name)
						if strings.Contains(c.fine, name) {
							assert.NoError(t, err)
							return
						}
						busy.Add(1)
						require.ErrorIs(t, err, resolver.ErrBusy)
						assert.ErrorContains(t, err, "no answer yet, and others were waiting")
					})
					time.Sleep(time.Millisecond)
				}
				wg.Wait()
				stats := r.Stats()
				assert.Equal(t, uint64(busy.Load()), stats.GaveWay)
				assert.Equal(t, stats.GaveWay, stats.Busy)
				assert.Equal(t, len(strings.Fields(c.fine)), stats.Entries, "no failure is cached")
				time.Sleep(5 * time.Second) // until the server has noticed
			})
		})
	}
}

// TestShareOfWaiting tests that the lookups of one domain cannot be all that wait.
func TestShareOfWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := partly(t).resolver(t, resolver.Config{MaxLookups: 16, MaxWaiting: 80})
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() { _, _ = r.LookupTXT(t.Context(), fmt.Sprintf("s%d.silent.test", i)) })
		}
		synctest.Wait()
		stats := r.Stats()
		assert.Equal(t, 8, stats.InFlight, "the share of the places")
		assert.Equal(t, 10, stats.Waiting, "an eighth of those that may wait")
		assert.Equal(t, uint64(82), stats.Busy)
		_, err := r.LookupTXT(t.Context(), "good.test")
		require.NoError(t, err)
		wg.Wait()
	})
}

// TestUnwanted tests that a lookup ends when no caller waits for it, whether it
// queries or waits for a place.
func TestUnwanted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := partly(t)
		r := p.resolver(t, resolver.Config{MaxLookups: 2})
		gone := errors.New("the message has ended")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				_, err := r.LookupTXT(ctx, fmt.Sprintf("silent%d.test", i/2)) // two callers each
				assert.ErrorIs(t, err, gone)
			})
		}
		synctest.Wait()
		stats := r.Stats()
		assert.Equal(t, [2]int{2, 3}, [2]int{stats.InFlight, stats.Waiting})
		cancel(gone)
		wg.Wait()
		synctest.Wait()
		stats = r.Stats()
		assert.Equal(t, [2]int{0, 0}, [2]int{stats.InFlight, stats.Waiting})
		assert.Zero(t, stats.Busy)
		assert.Zero(t, stats.Failures)
		assert.Zero(t, stats.Entries, "the outcome is not cached")

		again, stop := context.WithCancel(t.Context())
		go func() { _, _ = r.LookupTXT(again, "good.test") }()
		synctest.Wait()
		stop()
		synctest.Wait()
		_, err := r.LookupTXT(t.Context(), "good.test")
		assert.NoError(t, err, "a further caller starts another lookup")
	})
}
