package remote

import (
	"slices"
	"sync"
	"time"

	"github.com/sluicemail/sluice/wire/mta"
)

// idle holds the connections to a milter that wait for the next session.
type idle struct {
	most    int
	timeout time.Duration

	mu     sync.Mutex
	kept   []*kept
	closed bool
}

// kept is an idle connection. The timer closes it.
type kept struct {
	link  *link
	timer *time.Timer
}

// put keeps a connection. It returns false if there is no room, and the caller then
// closes the connection.
func (i *idle) put(l *link) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || len(i.kept) >= i.most {
		return false
	}
	k := &kept{link: l}
	k.timer = time.AfterFunc(i.timeout, func() { i.expire(k) })
	i.kept = append(i.kept, k)
	return true
}

// take returns the connection that was kept last, for which the same was offered, or
// nil. It closes connections that the milter has closed.
func (i *idle) take(o mta.Offer) *link {
	for {
		k := i.pop(o)
		if k == nil {
			return nil
		}
		k.timer.Stop()
		if alive(k.link.net) {
			return k.link
		}
		_ = k.link.Close()
	}
}

func (i *idle) pop(o mta.Offer) *kept {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, k := range slices.Backward(i.kept) {
		if k.link.offer == o {
			i.kept = slices.Delete(i.kept, n, n+1)
			return k
		}
	}
	return nil
}

// expire closes a connection that nobody took in time.
func (i *idle) expire(k *kept) {
	i.mu.Lock()
	n := slices.Index(i.kept, k)
	if n >= 0 {
		i.kept = slices.Delete(i.kept, n, n+1)
	}
	i.mu.Unlock()
	if n >= 0 {
		_ = k.link.Close()
	}
}

// drop closes the connections that are kept. No more are kept after that.
func (i *idle) drop() {
	i.mu.Lock()
	all := i.kept
	i.kept, i.closed = nil, true
	i.mu.Unlock()
	for _, k := range all {
		k.timer.Stop()
		_ = k.link.Close()
	}
}
