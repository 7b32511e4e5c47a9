package dkim_test

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

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/contrib/dkim"
	"github.com/sluicemail/sluice/contrib/resolver/resolvertest"
)

// broken returns a DNS whose servers answer SERVFAIL for every name.
func broken(t testing.TB) dkim.Resolver {
	t.Helper()
	return resolvertest.New(t, "", resolvertest.Fail("."))
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

// anyName answers every question with one text.
func anyName(text string) resolverFunc {
	return func(context.Context, string) ([]string, error) { return []string{text}, nil }
}

type resolverFunc func(context.Context, string) ([]string, error)

func (f resolverFunc) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return f(ctx, name)
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
		"silent": {func() dkim.Resolver { return new(silent) }, "temperror example.org key not available", 10 * time.Second},
		"broken": {func() dkim.Resolver { return broken(t) }, "temperror example.org key not available", 0},
		"late":   {func() dkim.Resolver { return &counting{zone: z, after: 3 * time.Second} }, "pass example.org", 3 * time.Second},
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
