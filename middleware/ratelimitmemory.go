package middleware

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// DefaultRateKeys is the default number of keys of a [MemoryRates]. A key takes
// about 200 bytes in addition to its length.
const DefaultRateKeys = 100_000

// MemoryRates is a [RateStore] in the memory of one process. It deletes a key as
// soon as the full burst is allowed again, because the key then makes no
// difference. If the store is full, it deletes the key for which that will be the
// case soonest.
type MemoryRates struct {
	max   int
	start time.Time

	mu    sync.Mutex
	byKey map[string]*rateEntry
	heap  rateHeap
}

// NewMemoryRates returns a store for at most the given number of keys. 0 means
// [DefaultRateKeys].
func NewMemoryRates(keys int) *MemoryRates {
	if keys <= 0 {
		keys = DefaultRateKeys
	}
	return &MemoryRates{max: keys, start: time.Now(), byKey: make(map[string]*rateEntry)}
}

// Take implements [RateStore]. It returns no error and does not block.
//
// It uses GCRA, the generic cell rate algorithm: each counted event is paid for
// by one interval, and the store keeps for each key the time at which all its
// counted events are paid for.
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
		heap.Fix(&m.heap, e.index)
		return 0, nil
	}
	for len(m.heap) >= m.max {
		m.drop()
	}
	e = &rateEntry{key: key, paid: paid}
	m.byKey[key] = e
	heap.Push(&m.heap, e)
	return 0, nil
}

// Len returns the number of keys in the store.
func (m *MemoryRates) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.heap)
}

// forget deletes up to four keys whose events are paid for. A call of Take adds
// at most one key, so that the store shrinks, and each call remains fast.
func (m *MemoryRates) forget(now time.Duration) {
	for range 4 {
		if len(m.heap) == 0 || m.heap[0].paid > now {
			return
		}
		m.drop()
	}
}

// drop deletes the key whose events are paid for soonest.
func (m *MemoryRates) drop() {
	e, ok := heap.Pop(&m.heap).(*rateEntry)
	if ok {
		delete(m.byKey, e.key)
	}
}

// rateEntry is a key and the time at which its events are paid for.
type rateEntry struct {
	key   string
	paid  time.Duration // since the store's start
	index int           // in the heap
}

// rateHeap is a heap of keys, ordered by the time at which they are paid for.
type rateHeap []*rateEntry

// Len implements heap.Interface.
func (h rateHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h rateHeap) Less(i, j int) bool { return h[i].paid < h[j].paid }

// Swap implements heap.Interface.
func (h rateHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *rateHeap) Push(x any) {
	if e, ok := x.(*rateEntry); ok {
		e.index = len(*h)
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
