package resolver

import (
	"context"
	"fmt"
	"sync"
)

// Budget bounds the lookups for one message. RFC 7208 section 4.6.4 requires such
// bounds for SPF. Every lookup whose context has the budget counts, no matter
// whether the cache has the answer. Of the lookups that the cache does not answer,
// four are made at the same time, and others wait for them. So a message does not
// take the places of others. A Budget is safe for concurrent use.
type Budget struct {
	maxLookups, maxVoid int
	places              chan struct{} // one element for each lookup at the same time

	mu            sync.Mutex
	lookups, void int
}

// NewBudget returns a budget for a number of lookups, of which some may be void.
// A lookup is void if it ends with [ErrNXDomain], [ErrNoData] or [ErrName]. The
// next lookup beyond either number fails with [ErrBudget].
func NewBudget(lookups, void int) *Budget {
	return &Budget{maxLookups: lookups, maxVoid: void, places: make(chan struct{}, maxAtOnce)}
}

// maxAtOnce is the number of lookups for one message at the same time.
const maxAtOnce = 4

// Used returns the numbers of lookups and of void lookups so far, without those
// that the budget refused.
func (b *Budget) Used() (lookups, void int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lookups, b.void
}

// spend counts a lookup. It returns an error if none is left.
func (b *Budget) spend() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lookups >= b.maxLookups {
		return fmt.Errorf("%d lookups", b.maxLookups)
	}
	b.lookups++
	return nil
}

// spendVoid counts a void lookup. It returns an error if none is left.
func (b *Budget) spendVoid() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.void >= b.maxVoid {
		return fmt.Errorf("%d void lookups", b.maxVoid)
	}
	b.void++
	return nil
}

// enter waits until the message may make another lookup at the same time. It returns
// false if the context ends before.
func (b *Budget) enter(ctx context.Context) bool {
	if b == nil {
		return true
	}
	select {
	case b.places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (b *Budget) leave() {
	if b != nil {
		<-b.places
	}
}

type budgetKey struct{}

// WithBudget returns a context whose lookups count against a budget.
func WithBudget(ctx context.Context, b *Budget) context.Context {
	return context.WithValue(ctx, budgetKey{}, b)
}

func budgetOf(ctx context.Context) *Budget {
	b, _ := ctx.Value(budgetKey{}).(*Budget)
	return b
}
