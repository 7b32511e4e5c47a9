package resolver_test

import (
	"context"
	"errors"
	"net"
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

// piped is a name server without a network, for tests with their own time. It
// implements Config.Dial.
type piped struct {
	answer func(q *dns.Msg) *dns.Msg // nil for no answer
	after  time.Duration
	asked  atomic.Int32
}

func (p *piped) dial(context.Context, string, string) (net.Conn, error) {
	client, end := net.Pipe()
	go func() {
		defer func() { _ = end.Close() }()
		buf := make([]byte, 512)
		n, err := end.Read(buf)
		q := new(dns.Msg)
		if err != nil || q.Unpack(buf[:n]) != nil {
			return
		}
		p.asked.Add(1)
		time.Sleep(p.after)
		if m := p.answer(q); m != nil {
			packet, _ := m.Pack()
			_, _ = end.Write(packet)
		}
		_, _ = end.Read(buf) // until the client closes it
	}()
	return client, nil
}

func (p *piped) resolver(t testing.TB, cfg resolver.Config) *resolver.Resolver {
	t.Helper()
	cfg.Servers, cfg.Dial = []string{"dns:53"}, p.dial
	return create(t, cfg)
}

// answering returns a name server that answers each query with these records. An
// "@" at the begin of a record stands for the name of the query.
func answering(t testing.TB, rcode int, answer, ns []string) *piped {
	t.Helper()
	return &piped{answer: func(q *dns.Msg) *dns.Msg {
		m := reply(q)
		m.Rcode = rcode
		for _, line := range answer {
			m.Answer = append(m.Answer, records(t, strings.Replace(line, "@", q.Question[0].Name, 1))...)
		}
		m.Ns = records(t, ns...)
		return m
	}}
}

// TestTimes tests for how long an answer is cached.
func TestTimes(t *testing.T) {
	t.Parallel()
	nx, ok, fails := dns.RcodeNameError, dns.RcodeSuccess, dns.RcodeServerFailure
	list := func(lines ...string) []string { return lines }
	tests := map[string]struct {
		rcode      int
		answer, ns []string
		cfg        resolver.Config
		kept       time.Duration
	}{
		"the TTL":                    {ok, list("@ 300 TXT x"), nil, resolver.Config{}, 300 * time.Second},
		"the lowest TTL":             {ok, list("@ 300 TXT x", "@ 200 TXT y"), nil, resolver.Config{}, 200 * time.Second},
		"the TTL of the alias":       {ok, list("@ 100 CNAME b.", "b. 300 TXT x"), nil, resolver.Config{}, 100 * time.Second},
		"the TTL behind the alias":   {ok, list("@ 300 CNAME b.", "b. 100 TXT x"), nil, resolver.Config{}, 100 * time.Second},
		"not of other records":       {ok, list("@ 300 TXT x", "@ 20 A 192.0.2.1"), nil, resolver.Config{}, 300 * time.Second},
		"a low TTL":                  {ok, list("@ 0 TXT x"), nil, resolver.Config{}, 10 * time.Second},
		"a TTL below a lower limit":  {ok, list("@ 1 TXT x"), nil, resolver.Config{MinTTL: 2 * time.Second}, 2 * time.Second},
		"a high TTL":                 {ok, list("@ 604800 TXT x"), nil, resolver.Config{}, time.Hour},
		"a TTL above another limit":  {ok, list("@ 604800 TXT x"), nil, resolver.Config{MaxTTL: time.Minute}, time.Minute},
		"a negative TTL":             {ok, list("@ 4294967295 TXT x"), nil, resolver.Config{}, 10 * time.Second},
		"no name: SOA minimum":       {nx, nil, list("test. 300 SOA a. b. 1 2 3 4 60"), resolver.Config{}, time.Minute},
		"no name: TTL of the SOA":    {nx, nil, list("test. 50 SOA a. b. 1 2 3 4 600"), resolver.Config{}, 50 * time.Second},
		"no name: root SOA":          {nx, nil, list(". 50 SOA a. b. 1 2 3 4 600"), resolver.Config{}, 50 * time.Second},
		"no name: a high minimum":    {nx, nil, list("test. 86400 SOA a. b. 1 2 3 4 86400"), resolver.Config{}, 15 * time.Minute},
		"no name: another limit":     {nx, nil, list("test. 86400 SOA a. b. 1 2 3 4 86400"), resolver.Config{MaxNegative: time.Second}, time.Second},
		"no name: no SOA":            {nx, nil, nil, resolver.Config{}, 10 * time.Second},
		"no name: another zone":      {nx, nil, list("example. 300 SOA a. b. 1 2 3 4 60"), resolver.Config{}, 10 * time.Second},
		"no name: behind an alias":   {nx, list("@ 30 CNAME b.test."), list("test. 300 SOA a. b. 1 2 3 4 60"), resolver.Config{}, 30 * time.Second},
		"no records: SOA minimum":    {ok, nil, list("test. 300 SOA a. b. 1 2 3 4 60"), resolver.Config{}, time.Minute},
		"no records: no SOA":         {ok, nil, nil, resolver.Config{}, 10 * time.Second},
		"a failure":                  {fails, nil, nil, resolver.Config{}, 10 * time.Second},
		"a failure, another limit":   {fails, nil, nil, resolver.Config{Failure: time.Minute}, time.Minute},
		"too many records":           {ok, strings.Split(strings.Repeat("@ 300 MX 1 a.|", 257)[:257*14-1], "|"), nil, resolver.Config{}, 10 * time.Second},
		"a failure, whatever MinTTL": {fails, nil, nil, resolver.Config{MinTTL: time.Minute}, 10 * time.Second},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := answering(t, c.rcode, c.answer, c.ns)
				r := p.resolver(t, c.cfg)
				kind := resolver.TypeTXT
				if len(c.answer) > 2 {
					kind = resolver.TypeMX
				}
				ask := func() { _, _ = r.Lookup(t.Context(), "a.test", kind) }
				ask()
				ask()
				time.Sleep(c.kept - time.Millisecond)
				ask()
				assert.Equal(t, int32(1), p.asked.Load(), "cached")
				assert.Equal(t, 1, r.Stats().Entries)
				time.Sleep(time.Millisecond)
				stats := r.Stats()
				assert.Zero(t, stats.Entries, "an expired entry leaves without a lookup of its name")
				assert.Zero(t, stats.Bytes)
				ask()
				assert.Equal(t, int32(2), p.asked.Load(), "asked again")
			})
		})
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	p := answering(t, dns.RcodeSuccess, []string{"@ 3600 TXT " + strings.Repeat("x", 200)}, nil)
	for name, c := range map[string]struct {
		cfg   resolver.Config
		names int
		bytes int
	}{
		"names": {resolver.Config{MaxNames: 10}, 10, 20000},
		"bytes": {resolver.Config{MaxBytes: 20000}, 30, 20000},
		"none":  {resolver.Config{MaxBytes: 1}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := p.resolver(t, c.cfg)
			for i := range 1000 {
				for _, name := range []string{itoa(i), "often"} {
					_, err := r.LookupTXT(t.Context(), name+".test")
					require.NoError(t, err)
				}
				stats := r.Stats()
				require.LessOrEqual(t, stats.Entries, c.names)
				require.LessOrEqual(t, stats.Bytes, c.bytes)
			}
			stats := r.Stats()
			if c.names > 0 {
				assert.Equal(t, uint64(999), stats.Hits, "what is often looked up stays")
				assert.Greater(t, stats.Entries, 5)
			}
		})
	}
}

// TestWaiting tests the limits on lookups at the same time.
func TestWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := answering(t, dns.RcodeSuccess, []string{"@ 60 TXT x"}, nil)
		p.after = 2 * time.Second
		r := p.resolver(t, resolver.Config{MaxLookups: 2, MaxWaiting: 5, GiveWay: time.Hour})
		var fine, busy atomic.Int32
		start := time.Now()
		for i := range 10 {
			go func() {
				_, err := r.LookupTXT(t.Context(), itoa(i)+".test")
				switch {
				case err == nil:
					fine.Add(1)
				case errors.Is(err, resolver.ErrBusy):
					busy.Add(1)
					var dnsError *net.DNSError
					assert.ErrorAs(t, err, &dnsError)
					assert.True(t, dnsError.IsTemporary)
					assert.Contains(t, []time.Duration{0, 5 * time.Second}, time.Since(start))
				}
			}()
		}
		synctest.Wait()
		assert.Equal(t, int32(3), busy.Load(), "two places, five that wait, and three too many")
		stats := r.Stats()
		assert.Equal(t, [2]int{2, 5}, [2]int{stats.InFlight, stats.Waiting})
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		assert.Equal(t, int32(4), fine.Load(), "two at a time")
		assert.Equal(t, int32(4), busy.Load(), "one has waited too long")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		stats = r.Stats()
		assert.Equal(t, int32(6), fine.Load())
		assert.Equal(t, uint64(4), stats.Busy)
		assert.Equal(t, [2]int{0, 0}, [2]int{stats.InFlight, stats.Waiting})
	})
}

// TestTimeout tests when lookups of a silent server end.
func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &piped{answer: func(*dns.Msg) *dns.Msg { return nil }}
		r := p.resolver(t, resolver.Config{})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var other sync.WaitGroup
		other.Go(func() {
			_, err := r.LookupTXT(t.Context(), "a.test")
			assert.ErrorIs(t, err, resolver.ErrServer)
		})
		_, err := r.LookupTXT(ctx, "a.test")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start), "a caller may give up")
		assert.Equal(t, 1, r.Stats().InFlight, "another one waits")
		_, err = r.LookupTXT(t.Context(), "a.test")
		require.ErrorIs(t, err, resolver.ErrServer)
		other.Wait()
		assert.Equal(t, 5*time.Second, time.Since(start), "the lookup ends by its own timeout")
		assert.Equal(t, int32(2), p.asked.Load())
		synctest.Wait()
		assert.Zero(t, r.Stats().InFlight)
		assert.Equal(t, uint64(1), r.Stats().Failures)
	})
}

// TestDrip tests an answer over TCP that comes byte by byte.
func TestDrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		truncated := &piped{answer: func(q *dns.Msg) *dns.Msg { m := reply(q); m.Truncated = true; return m }}
		var drips atomic.Int32
		drip := func() net.Conn {
			drips.Add(1)
			client, end := net.Pipe()
			go func() {
				defer func() { _ = end.Close() }()
				query := make([]byte, 512)
				_, _ = end.Read(query) // the length and the query come at once
				answer := append([]byte{0, 200}, query[2:202]...)
				for i := range answer {
					time.Sleep(20 * time.Millisecond)
					if _, err := end.Write(answer[i : i+1]); err != nil {
						return
					}
				}
			}()
			return client
		}
		r := create(t, resolver.Config{Servers: []string{"dns:53"}, Timeout: time.Second, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if network == "tcp" {
				return drip(), nil
			}
			return truncated.dial(ctx, network, address)
		}})
		start := time.Now()
		_, err := r.LookupTXT(t.Context(), "a.test")
		require.ErrorIs(t, err, resolver.ErrServer)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, int32(2), drips.Load(), "in two shares of the time")
		time.Sleep(time.Second) // until the server has noticed
	})
}
