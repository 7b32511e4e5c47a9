package resolver_test

import (
	"fmt"
	"runtime"
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

// TestBounds looks up many more names than the cache holds, of servers that behave in
// all ways, over UDP and over TCP. Each lookup has the right outcome, and what the
// resolver has stays within its limits. The test counts what the process has, so it does
// not run in parallel.
func TestBounds(t *testing.T) { //nolint:paralleltest // see above
	for name, b := range behaviors(t) {
		for _, network := range []string{"udp", "tcp"} {
			if b.network == "" || b.network == network {
				t.Run(name+" over "+network, func(t *testing.T) { holdsBounds(t, b, network) })
			}
		}
	}
}

// holdsBounds looks up names of a server.
func holdsBounds(t *testing.T, b behavior, network string) {
	t.Helper()
	const (
		kept    = 100
		places  = 64
		workers = 100
	)
	s, names := b.serve(t, network), b.names()
	var open, next, first atomic.Int32
	var most peak
	cfg := b.config(s.address)
	cfg.MaxNames, cfg.MaxBytes, cfg.MaxLookups, cfg.Dial = kept, 1<<20, places, counted(t, &open, places)
	r := create(t, cfg)
	// If a lookup ends with its time, its query over TCP may be late. So the lookups
	// go on until one has come.
	enough := func(i int32) bool { return i > names && (network == "udp" || b.handler == nil || s.tcp.Load() > 0) }
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := next.Add(1); !enough(i); i = next.Add(1) {
				texts, err := r.LookupTXT(t.Context(), fmt.Sprintf("n%d.test", i))
				if b.check(t, texts, err) {
					first.Add(1)
				}
				if i%(names/20) == 0 {
					most.note(running())
				}
			}
		})
	}
	wg.Wait()
	stats := r.Stats()
	t.Logf("%+v, %d queries over UDP, %d over TCP, %d goroutines", stats, s.udp.Load(), s.tcp.Load(), most.n)
	assert.Positive(t, first.Load())
	assert.Equal(t, b.giveWay > 0, stats.GaveWay > 0)
	b.checkQueries(t, network, s.tcp.Load())
	assert.LessOrEqual(t, stats.Entries, kept)
	assert.LessOrEqual(t, stats.Bytes, 1<<20)
	// Each worker has at most one lookup, which has one goroutine, and for a
	// moment another one that ends a query.
	assert.LessOrEqual(t, most.n, 3*workers)
	assert.Zero(t, open.Load())
	assert.Zero(t, stats.InFlight+stats.Waiting)
	runtime.KeepAlive(r)
}

// TestBoundOfBytes tests that the bytes that the cache counts are those that it
// takes. The time is that of a bubble: in the time of a busy machine, lookups would end
// without an answer.
func TestBoundOfBytes(t *testing.T) { //nolint:paralleltest // it measures the heap
	const limit = 2 << 20
	for name, line := range map[string]string{
		"empty":        `""`,
		"a key record": `"` + strings.Repeat("x", 250) + `" "` + strings.Repeat("y", 150) + `"`,
		"large":        strings.Repeat(`"`+strings.Repeat("x", 255)+`" `, 14),
		"unprintable":  strings.Repeat(`"`+strings.Repeat(`\001`, 255)+`" `, 14),
		"quotes":       strings.Repeat(`"`+strings.Repeat(`\"`, 255)+`" `, 14),
		"void":         "",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := answering(t, dns.RcodeSuccess, []string{"@ 3600 TXT " + line}, nil)
				if line == "" {
					p = answering(t, dns.RcodeNameError, nil, []string{". 3600 SOA a. b. 1 2 3 4 3600"})
				}
				r := p.resolver(t, resolver.Config{MaxBytes: limit, MaxNames: 1 << 20, Timeout: 100 * time.Millisecond})
				mail := strings.Repeat(" ", 8<<10)
				before := heap()
				for i := 0; i < 20000 && r.Stats().Bytes < limit*9/10; i++ {
					// The name is a part of a large text, as that of a message.
					name := fmt.Sprintf("selector%d._domainkey.a-domain.example.org", i)
					_, _ = r.LookupTXT(t.Context(), (name + mail)[:len(name)])
					if i%100 == 99 {
						time.Sleep(200 * time.Millisecond) // the pipes' timers keep memory until the timeout
					}
				}
				time.Sleep(200 * time.Millisecond)
				grown := int(heap() - before)
				stats := r.Stats()
				t.Logf("%d entries, %d bytes counted, %d taken", stats.Entries, stats.Bytes, grown)
				require.Greater(t, stats.Bytes, limit*9/10)
				assert.Less(t, grown, stats.Bytes*11/10)
				assert.Greater(t, grown, stats.Bytes/2)
				runtime.KeepAlive(r)
			})
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
