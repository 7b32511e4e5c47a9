package main

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Rules say how long strangers wait, and how long people are remembered.
type Rules struct {
	Delay, Retry, Keep time.Duration
	Entries            int // the most strangers, and the most acquaintances
}

// List knows who has been here. All sessions share it.
type List struct {
	rules            Rules
	mu               sync.Mutex
	strangers, known memory
}

// NewList returns a list that knows nobody.
func NewList(r Rules) (*List, error) {
	if r.Delay <= 0 || r.Retry <= r.Delay || r.Keep <= 0 || r.Entries <= 0 {
		return nil, errors.New("want 0 < -delay < -retry, and -keep and -entries above 0")
	}
	return &List{rules: r, strangers: make(memory), known: make(memory)}, nil
}

// Pass tells whether mail of the triplet may pass, and takes note of the try.
func (l *List) Pass(from netip.Prefix, sender, recipient string) bool {
	// A hash has the same size whatever strangers call themselves.
	key := sha256.Sum256([]byte(strings.ToLower(from.String() + "\x00" + sender + "\x00" + recipient)))
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	// Who is not there was there centuries ago.
	silent, waited := now.Sub(l.known[key]), now.Sub(l.strangers[key])
	switch {
	case silent < l.rules.Keep, waited >= l.rules.Delay && waited < l.rules.Retry:
		l.known.put(key, now, l.rules.Entries)
		return true
	case waited >= l.rules.Retry:
		l.strangers.put(key, now, l.rules.Entries)
	}
	return false
}

// memory holds when a triplet was here.
type memory map[[sha256.Size]byte]time.Time

// put forgets one of the oldest when there are too many: the oldest of a few,
// for a search among all would take long just when many strangers come.
func (m memory) put(key [sha256.Size]byte, now time.Time, limit int) {
	if _, there := m[key]; !there && len(m) >= limit {
		oldest, looked := key, 0
		for other, when := range m {
			if looked == 0 || when.Before(m[oldest]) {
				oldest = other
			}
			if looked++; looked == 8 { // of a map's, any eight
				break
			}
		}
		delete(m, oldest)
	}
	m[key] = now
}
