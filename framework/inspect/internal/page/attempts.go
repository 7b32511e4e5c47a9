package page

import (
	"sync"
	"time"
)

// The limits of attempts.
const (
	attemptWindow = time.Minute
	// maxAttempts is the number of wrong tokens that a peer may send in a window, and maxPeers
	// the number of peers that are counted separately. All others share one count.
	maxAttempts = 10
	maxPeers    = 256
)

// attempts counts wrong tokens. The zero value is ready to use.
type attempts struct {
	mu     sync.Mutex
	since  time.Time
	wrong  map[string]int
	others int
}

// allowed reports whether a peer may try a token.
func (a *attempts) allowed(peer string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.renew(now)
	if n, ok := a.wrong[peer]; ok {
		return n < maxAttempts
	}
	return len(a.wrong) < maxPeers || a.others < maxAttempts
}

// failed counts a wrong token of a peer.
func (a *attempts) failed(peer string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.renew(now)
	if _, ok := a.wrong[peer]; ok || len(a.wrong) < maxPeers {
		a.wrong[peer]++
		return
	}
	a.others++
}

// renew begins a new window if the last one is over.
func (a *attempts) renew(now time.Time) {
	if a.wrong == nil || now.Sub(a.since) >= attemptWindow {
		a.since, a.wrong, a.others = now, make(map[string]int), 0
	}
}
