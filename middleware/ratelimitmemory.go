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
// difference. If the store is full, it deletes the key that it would delete next.
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
// It uses GCRA, the generic cell rate algorithm: the store keeps a theoretical
// arrival time for each key. A counted event moves this time by one interval.
// An event is allowed if the moved time is at most the rate's room ahead of the
// clock.
func (m *MemoryRates) Take(_ context.Context, key string, rate Rate) (time.Duration, error) {
	now := time.Since(m.start)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	e := m.byKey[key]
	arrival := now + rate.Interval()
	if e != nil {
		arrival = max(e.arrival, now) + rate.Interval()
	}
	if wait := arrival - now - rate.Room(); wait > 0 {
		return wait, nil
	}
	if e != nil {
		e.arrival = arrival
		heap.Fix(&m.heap, e.index)
		return 0, nil
	}
	for len(m.heap) >= m.max {
		m.drop()
	}
	e = &rateEntry{key: key, arrival: arrival}
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

// forget deletes up to four keys whose arrival time has passed. A call of Take
// adds at most one key, so that the store shrinks, and each call remains fast.
func (m *MemoryRates) forget(now time.Duration) {
	for range 4 {
		if len(m.heap) == 0 || m.heap[0].arrival > now {
			return
		}
		m.drop()
	}
}

// drop deletes the key with the earliest arrival time.
func (m *MemoryRates) drop() {
	e, ok := heap.Pop(&m.heap).(*rateEntry)
	if ok {
		delete(m.byKey, e.key)
	}
}

// rateEntry is a key with its theoretical arrival time.
type rateEntry struct {
	key     string
	arrival time.Duration // since the store's start
	index   int           // in the heap
}

// rateHeap is a heap of keys, ordered by their arrival time.
type rateHeap []*rateEntry

// Len implements heap.Interface.
func (h rateHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h rateHeap) Less(i, j int) bool { return h[i].arrival < h[j].arrival }

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
