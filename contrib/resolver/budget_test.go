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

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/resolver"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if strings.HasPrefix(q.Question[0].Name, "void") {
			code(dns.RcodeNameError)(w, q)
			return
		}
		zone(t, q.Question[0].Name+" 60 TXT x")(w, q)
	})
	tests := map[string]struct {
		lookups, void int
		names         string
		fails         int // the index of the first name that fails with ErrBudget, or -1
		used, empty   int
	}{
		"within":                  {3, 1, "a b void", -1, 3, 1},
		"a lookup too many":       {3, 1, "a b void c", 3, 3, 1},
		"the same name counts":    {2, 0, "a a a", 2, 2, 0},
		"a void lookup too many":  {9, 2, "a void1 void2 void3", 3, 4, 2},
		"not a name is void":      {9, 1, "void1 ..", 1, 2, 1},
		"a budget of nothing":     {0, 0, "a", 0, 0, 0},
		"no budget":               {-1, -1, "a void1 void2 void3", -1, 0, 0},
		"after the limit, cached": {1, 0, "a a", 1, 1, 0},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := asking(t, s.address)
			ctx, budget := t.Context(), resolver.NewBudget(c.lookups, c.void)
			if c.lookups >= 0 {
				ctx = resolver.WithBudget(ctx, budget)
			}
			for i, name := range strings.Fields(c.names) {
				_, err := r.LookupTXT(ctx, name)
				assert.Equal(t, i == c.fails, errors.Is(err, resolver.ErrBudget), name)
			}
			used, void := budget.Used()
			assert.Equal(t, [2]int{c.used, c.empty}, [2]int{used, void})
		})
	}
}

// TestBudgetAtOnce tests how many lookups of a message are made at the same time.
func TestBudgetAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := partly(t).resolver(t, resolver.Config{})
		_, err := r.LookupTXT(t.Context(), "cached.test")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(resolver.WithBudget(t.Context(), resolver.NewBudget(20, 20)))
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() { _, _ = r.LookupTXT(ctx, fmt.Sprintf("s.silent%d.test", i)) })
		}
		synctest.Wait()
		assert.Equal(t, 4, r.Stats().InFlight)
		_, err = r.LookupTXT(ctx, "cached.test")
		require.NoError(t, err, "the cache does not wait")
		_, err = r.LookupTXT(t.Context(), "another.test")
		require.NoError(t, err, "another message does not wait")
		time.Sleep(5*time.Second + time.Millisecond)
		assert.Equal(t, 4, r.Stats().InFlight, "the next ones")
		assert.Equal(t, uint64(4), r.Stats().Failures)
		cancel()
		wg.Wait()
		synctest.Wait()
		assert.Zero(t, r.Stats().InFlight)
	})
}
