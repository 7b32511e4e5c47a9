package resolver

import (
	"container/heap"
	"container/list"
	"sync"
	"time"
)

// key identifies a lookup.
type key struct {
	name   string
	record Type
}

// entry is the outcome of a lookup in the cache.
type entry struct {
	key
	answer *Answer
	err    *failure
	until  time.Time
	cost   int
	recent *list.Element
	place  int // in cache.byTime
}

// outcome returns what the lookup returns.
func (e *entry) outcome() (*Answer, error) {
	if e.err != nil {
		return nil, e.err
	}
	return e.answer, nil
}

// entryCost is the memory that an entry takes in addition to its data: the entry,
// the answer or the error, the element of the list, and the places in the map and
// the heap.
const entryCost = 400

// cache keeps the outcomes of lookups. Expired entries are removed by the next
// use of the cache, whatever it is for.
type cache struct {
	maxNames, maxBytes int

	mu     sync.Mutex
	byKey  map[key]*entry
	recent *list.List // of *entry, the most recently used first
	byTime byTime
	bytes  int
}

func newCache(maxNames, maxBytes int) *cache {
	return &cache{maxNames: maxNames, maxBytes: maxBytes, byKey: make(map[key]*entry), recent: list.New()}
}

func (c *cache) get(k key) (*entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	e, ok := c.byKey[k]
	if ok {
		c.recent.MoveToFront(e.recent)
	}
	return e, ok
}

// put adds an entry for some time. An entry that does not fit at all is not
// added.
func (c *cache) put(e *entry, lifetime time.Duration) {
	e.until = time.Now().Add(lifetime)
	e.cost = entryCost + 2*len(e.name)
	if e.answer != nil {
		size := e.answer.size()
		e.cost += size + size/8 // memory is allocated in certain sizes
	}
	if e.err != nil {
		e.cost += len(e.err.detail)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if old, ok := c.byKey[e.key]; ok {
		c.remove(old)
	}
	if e.cost > c.maxBytes {
		return
	}
	c.byKey[e.key] = e
	e.recent = c.recent.PushFront(e)
	heap.Push(&c.byTime, e)
	c.bytes += e.cost
	for c.bytes > c.maxBytes || len(c.byKey) > c.maxNames {
		c.remove(c.recent.Back().Value.(*entry)) //nolint:forcetypeassert // the list has nothing else
	}
}

// expire removes the expired entries. The caller must hold the lock.
func (c *cache) expire() {
	now := time.Now()
	for len(c.byTime) > 0 && !now.Before(c.byTime[0].until) {
		c.remove(c.byTime[0])
	}
}

// remove removes an entry. The caller must hold the lock.
func (c *cache) remove(e *entry) {
	delete(c.byKey, e.key)
	c.recent.Remove(e.recent)
	heap.Remove(&c.byTime, e.place)
	c.bytes -= e.cost
}

// size returns the number of entries that have not expired, and their bytes.
func (c *cache) size() (entries, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	return len(c.byKey), c.bytes
}

// byTime is a heap of entries. The first is the one that expires first.
type byTime []*entry

func (h byTime) Len() int           { return len(h) }
func (h byTime) Less(i, j int) bool { return h[i].until.Before(h[j].until) }

func (h byTime) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *byTime) Push(x any) {
	e := x.(*entry) //nolint:forcetypeassert // the cache pushes nothing else
	e.place = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *byTime) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
