package page

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// The limits of attempts.
const (
	attemptWindow = time.Minute
	// maxAttempts is the number of wrong tokens that a peer may send in a window, and
	// maxInNetwork that of all peers of an IPv6 network of 48 bits: one customer of a provider
	// may have so many of 64 bits.
	maxAttempts  = 10
	maxInNetwork = 100
	networkBits  = 48
	// maxTogether is the number of wrong tokens of all peers after which each has a single
	// attempt, and each network of 48 bits maxAttempts.
	maxTogether = 256 * maxAttempts

	countRows  = 4
	countCells = 4 << 10
)

// attempts counts wrong tokens. It needs the same memory for any number of peers: each has one
// counter in each row, which it may share with others. Its number is the least of its counters,
// which is never too low, and too high only if it shares all of them. So no peer has more
// attempts if there are many. Others take the attempts of a peer only if there are thousands of
// them: if 2,560 peers guess in a window, one of twenty others cannot try its token, and if 10,000
// do, two of three. A browser that has a cookie tries none.
//
// The zero value is ready to use.
type attempts struct {
	mu    sync.Mutex
	since time.Time
	seed  maphash.Seed // so that no peer can choose with whom it shares counters
	wrong int
	rows  *[countRows][countCells]uint8 // nil before the first wrong token
}

// allowed reports whether a peer may try a token.
func (a *attempts) allowed(peer string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.renew(now)
	one, all := uint8(maxAttempts), uint8(maxInNetwork)
	if a.wrong >= maxTogether {
		one, all = 1, maxAttempts
	}
	network := networkOf(peer)
	return a.number(peer) < one && (network == "" || a.number(network) < all)
}

// failed counts a wrong token of a peer.
func (a *attempts) failed(peer string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.renew(now)
	if a.rows == nil {
		a.seed, a.rows = maphash.MakeSeed(), new([countRows][countCells]uint8)
	}
	a.wrong++
	a.count(peer)
	if network := networkOf(peer); network != "" {
		a.count(network)
	}
}

// renew begins a new window if the last one is over.
func (a *attempts) renew(now time.Time) {
	if now.Sub(a.since) >= attemptWindow {
		a.since, a.wrong, a.rows = now, 0, nil
	}
}

// number returns how many wrong tokens a name is charged with.
func (a *attempts) number(name string) uint8 {
	if a.rows == nil {
		return 0
	}
	least := uint8(255)
	a.counters(name, func(n *uint8) { least = min(least, *n) })
	return least
}

// count charges a name with a wrong token.
func (a *attempts) count(name string) {
	a.counters(name, func(n *uint8) {
		if *n < 255 {
			*n++
		}
	})
}

// counters calls fn with the counters of a name.
func (a *attempts) counters(name string, fn func(*uint8)) {
	sum := maphash.String(a.seed, name)
	for i := range a.rows {
		fn(&a.rows[i][sum%countCells])
		sum /= countCells
	}
}

// networkOf returns the network of 48 bits of a peer whose name is a network of 64 bits, or "".
func networkOf(peer string) string {
	p, err := netip.ParsePrefix(peer)
	if err != nil || !p.Addr().Is6() {
		return ""
	}
	return netip.PrefixFrom(p.Addr(), networkBits).Masked().String()
}
