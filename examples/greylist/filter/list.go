package filter

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Rules says how long a new triplet waits, and how long triplets are remembered.
type Rules struct {
	Delay   time.Duration // how long a new triplet is refused
	Retry   time.Duration // how long after its first try a new triplet may try again
	Keep    time.Duration // how long after its last message an accepted triplet is remembered
	Entries int           // the most waiting and the most accepted triplets
}

// List remembers triplets of client network, sender and recipient. It is safe
// for concurrent use.
type List struct {
	rules             Rules
	mu                sync.Mutex
	waiting, accepted memory
}

// NewList returns an empty list.
func NewList(r Rules) (*List, error) {
	if r.Delay <= 0 || r.Retry <= r.Delay || r.Keep <= 0 || r.Entries <= 0 {
		return nil, errors.New("want 0 < -delay < -retry, and -keep and -entries above 0")
	}
	return &List{rules: r, waiting: make(memory), accepted: make(memory)}, nil
}

// Pass reports whether mail of the triplet may pass, and records the attempt.
func (l *List) Pass(from netip.Prefix, sender, recipient string) bool {
	// A hash has a fixed size, so that long addresses cost no more memory.
	key := sha256.Sum256([]byte(strings.ToLower(from.String() + "\x00" + sender + "\x00" + recipient)))
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	// An unknown triplet has the zero time, so its durations are longer
	// than any limit.
	silent, waited := now.Sub(l.accepted[key]), now.Sub(l.waiting[key])
	switch {
	case silent < l.rules.Keep, waited >= l.rules.Delay && waited < l.rules.Retry:
		l.accepted.put(key, now, l.rules.Entries)
		return true
	case waited >= l.rules.Retry:
		l.waiting.put(key, now, l.rules.Entries)
	}
	return false
}

// memory maps the hash of a triplet to the time at which it was recorded.
type memory map[[sha256.Size]byte]time.Time

// put records a triplet. If the memory is full, put first forgets the oldest of
// eight random entries. A search for the oldest of all entries would be slow
// exactly when many new triplets arrive.
func (m memory) put(key [sha256.Size]byte, now time.Time, limit int) {
	if _, found := m[key]; !found && len(m) >= limit {
		oldest, looked := key, 0
		for other, when := range m {
			if looked == 0 || when.Before(m[oldest]) {
				oldest = other
			}
			if looked++; looked == 8 { // a map yields its entries in random order
				break
			}
		}
		delete(m, oldest)
	}
	m[key] = now
}
