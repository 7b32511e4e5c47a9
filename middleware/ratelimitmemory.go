package middleware

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// DefaultRateKeys is how many keys a [MemoryRates] counts unless it is told
// otherwise. Each takes about 200 bytes, and the length of its key.
const DefaultRateKeys = 100_000

// MemoryRates is a [RateStore] in the memory of one process. A key is kept for
// as long as it makes a difference: until all that was counted would be allowed
// anew. Beyond the number of keys that it may keep, the one that will be
// forgotten soonest is forgotten at once, and with it the least.
type MemoryRates struct {
	max   int
	start time.Time

	mu    sync.Mutex
	byKey map[string]*rateEntry
	due   rateHeap
}

// NewMemoryRates returns a store of at most the given number of keys; 0 means
// [DefaultRateKeys].
func NewMemoryRates(keys int) *MemoryRates {
	if keys <= 0 {
		keys = DefaultRateKeys
	}
	return &MemoryRates{max: keys, start: time.Now(), byKey: make(map[string]*rateEntry)}
}

// Take implements [RateStore]. It never fails, and never waits.
//
// Each key has the time at which all that was counted is paid for, one event an
// interval (GCRA, the generic cell rate algorithm).
func (m *MemoryRates) Take(_ context.Context, key string, rate Rate) (time.Duration, error) {
	now := time.Since(m.start)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	e := m.byKey[key]
	paid := now + rate.Interval()
	if e != nil {
		paid = max(e.paid, now) + rate.Interval()
	}
	if wait := paid - now - rate.Room(); wait > 0 {
		return wait, nil
	}
	if e != nil {
		e.paid = paid
		heap.Fix(&m.due, e.at)
		return 0, nil
	}
	for len(m.due) >= m.max {
		m.drop()
	}
	e = &rateEntry{key: key, paid: paid}
	m.byKey[key] = e
	heap.Push(&m.due, e)
	return 0, nil
}

// Len returns how many keys are kept.
func (m *MemoryRates) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.due)
}

// forget drops keys that are paid for: more than one call can add, so that the
// rest is gone before long, but never so many that the call takes long.
func (m *MemoryRates) forget(now time.Duration) {
	for range 4 {
		if len(m.due) == 0 || m.due[0].paid > now {
			return
		}
		m.drop()
	}
}

// drop forgets the key that is paid for soonest.
func (m *MemoryRates) drop() {
	e, ok := heap.Pop(&m.due).(*rateEntry)
	if ok {
		delete(m.byKey, e.key)
	}
}

// rateEntry is a key and the time at which what was counted is paid for.
type rateEntry struct {
	key  string
	paid time.Duration // since the store's start
	at   int           // in the heap
}

// rateHeap has the key that is paid for soonest at its top.
type rateHeap []*rateEntry

// Len implements heap.Interface.
func (h rateHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h rateHeap) Less(i, j int) bool { return h[i].paid < h[j].paid }

// Swap implements heap.Interface.
func (h rateHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *rateHeap) Push(x any) {
	if e, ok := x.(*rateEntry); ok {
		e.at = len(*h)
		*h = append(*h, e)
	}
}

// Pop implements heap.Interface.
func (h *rateHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
