package dkim_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// broken is a DNS out of order.
type broken struct{}

func (broken) LookupTXT(_ context.Context, name string) ([]string, error) {
	return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
}

// silent is a DNS that never answers.
type silent struct{ asked atomic.Int32 }

func (s *silent) LookupTXT(ctx context.Context, _ string) ([]string, error) {
	s.asked.Add(1)
	<-ctx.Done()
	return nil, ctx.Err()
}

// counting is a DNS that counts the lookups and delays its answers.
type counting struct {
	zone
	after time.Duration
	mu    sync.Mutex
	asked map[string]int
}

func (c *counting) LookupTXT(ctx context.Context, name string) ([]string, error) {
	c.mu.Lock()
	if c.asked == nil {
		c.asked = make(map[string]int)
	}
	c.asked[name]++
	c.mu.Unlock()
	time.Sleep(c.after)
	return c.zone.LookupTXT(ctx, name)
}

func TestCacheTimes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		from dkim.Resolver
		name string
		kept time.Duration
	}{
		"there":     {zone{"a": {"x"}}, "a.", 15 * time.Minute},
		"not there": {zone{}, "a.", 5 * time.Minute},
		"no answer": {broken{}, "a.", 10 * time.Second},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				cache := dkim.NewCache(resolverFunc(func(ctx context.Context, name string) ([]string, error) {
					asked.Add(1)
					return c.from.LookupTXT(ctx, name)
				}), dkim.CacheConfig{})
				for range 3 {
					_, _ = cache.LookupTXT(t.Context(), strings.ToUpper(c.name))
				}
				assert.Equal(t, int32(1), asked.Load())
				time.Sleep(c.kept - time.Second)
				_, _ = cache.LookupTXT(t.Context(), c.name)
				assert.Equal(t, int32(1), asked.Load(), "kept")
				time.Sleep(time.Second)
				_, _ = cache.LookupTXT(t.Context(), c.name)
				assert.Equal(t, int32(2), asked.Load(), "asked again")
			})
		})
	}
}

// anyName answers every question with one text.
func anyName(text string) resolverFunc {
	return func(context.Context, string) ([]string, error) { return []string{text}, nil }
}

type resolverFunc func(context.Context, string) ([]string, error)

func (f resolverFunc) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return f(ctx, name)
}

func TestCacheSingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &counting{zone: zone{"a": {"x"}}, after: time.Second}
		cache := dkim.NewCache(dns, dkim.CacheConfig{})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond+time.Duration(i)*time.Second)
				defer cancel()
				texts, err := cache.LookupTXT(ctx, "a.")
				if i == 0 {
					assert.ErrorIs(t, err, context.DeadlineExceeded, "who gives up is let go at once")
					return
				}
				assert.NoError(t, err)
				assert.Equal(t, []string{"x"}, texts)
			})
		}
		wg.Wait()
		assert.Equal(t, 1, dns.asked["a."], "and cuts it short for nobody")
	})
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	dns := &counting{zone: zone{}}
	cache := dkim.NewCache(dns, dkim.CacheConfig{MaxNames: 10})
	ask := func(i int) { _, _ = cache.LookupTXT(t.Context(), fmt.Sprintf("n%d.", i)) }
	for i := range 1000 {
		ask(i)
		ask(0)
	}
	assert.Equal(t, 10, cache.Len())
	assert.Equal(t, 1, dns.asked["n0."], "what is asked for stays")
}

func TestCacheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var dns silent
		cache := dkim.NewCache(&dns, dkim.CacheConfig{})
		start := time.Now()
		_, err := cache.LookupTXT(t.Context(), "a.")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(start))
	})
}

// TestNoAnswer verifies messages while the DNS is silent, broken or slow.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	message := craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd}, fromAnn, "x\n")
	z := publish(t, key(t, "example.org", "e", "ed25519"))
	tests := map[string]struct {
		dns  func() dkim.Resolver
		want string
		took time.Duration
	}{
		"silent":         {func() dkim.Resolver { return new(silent) }, "temperror example.org key not available", 10 * time.Second},
		"silent, cached": {func() dkim.Resolver { return dkim.NewCache(new(silent), dkim.CacheConfig{}) }, "temperror example.org key not available", 5 * time.Second},
		"broken":         {func() dkim.Resolver { return broken{} }, "temperror example.org key not available", 0},
		"late":           {func() dkim.Resolver { return &counting{zone: z, after: 3 * time.Second} }, "pass example.org", 3 * time.Second},
		"failing": {func() dkim.Resolver {
			return resolverFunc(func(context.Context, string) ([]string, error) { return nil, errors.New("no") })
		}, "temperror example.org key not available", 0},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				assert.Equal(t, []string{c.want}, verify(t, dkim.Verifying{Resolver: c.dns()}, message))
				assert.Equal(t, c.took, time.Since(start))
			})
		})
	}
}

// TestManySignatures verifies a message with a thousand signatures. The filter
// verifies only a few, among them the signature of the author's domain.
func TestManySignatures(t *testing.T) {
	t.Parallel()
	dns := &counting{zone: publish(t, key(t, "example.org", "e", "ed25519"))}
	good := craft(t, crafted{key: private(t, "ed25519"), tags: tagsEd}, fromAnn, "x\n")
	var many strings.Builder
	for i := range 1000 {
		_, _ = fmt.Fprintf(&many, "DKIM-Signature: v=1; a=rsa-sha256; d=evil%d.example; s=s; h=from; bh=AAAA; b=AAAA\r\n", i)
	}
	got := verify(t, dkim.Verifying{Resolver: dns}, many.String()+good)
	assert.Len(t, got, 10)
	assert.Contains(t, got, "pass example.org")
	assert.Len(t, dns.asked, 10)
}
