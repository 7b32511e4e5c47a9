package dkim

import (
	"container/list"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// CacheConfig bounds a [Cache]. The zero value is ready to use: a field that is
// zero has the default that its comment names.
type CacheConfig struct {
	// Positive is how long records are kept: 15 minutes. Resolvers of the
	// standard library do not tell how long the DNS itself would keep them.
	Positive time.Duration
	// Negative is how long it is kept that there are none: 5 minutes.
	Negative time.Duration
	// Failure is how long it is kept that the DNS did not answer: 10 seconds.
	Failure time.Duration
	// Timeout bounds a lookup: 5 seconds.
	Timeout time.Duration
	// MaxNames bounds the names that are kept: 10,000. The one that was not
	// asked for the longest goes first.
	MaxNames int
	// Now is the clock: time.Now.
	Now func() time.Time
}

// Cache is a [Resolver] that remembers the answers of another. Many who ask for
// one name at once cause one lookup, which none of them can cut short by giving
// up. It is for any number of goroutines.
type Cache struct {
	from   Resolver
	cfg    CacheConfig
	flight singleflight.Group

	mu     sync.Mutex
	byName map[string]*list.Element
	order  *list.List // of *answer, the latest asked for first
}

// answer is what is remembered of a name.
type answer struct {
	name  string
	until time.Time
	texts []string
	err   error
}

// NewCache returns a cache in front of a resolver, such as
// net.DefaultResolver.
func NewCache(from Resolver, cfg CacheConfig) *Cache {
	orElse(&cfg.Positive, 15*time.Minute)
	orElse(&cfg.Negative, 5*time.Minute)
	orElse(&cfg.Failure, 10*time.Second)
	orElse(&cfg.Timeout, 5*time.Second)
	orElse(&cfg.MaxNames, 10000)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Cache{from: from, cfg: cfg, byName: make(map[string]*list.Element), order: list.New()}
}

func orElse[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// LookupTXT implements [Resolver]. The slice must not be changed.
func (c *Cache) LookupTXT(ctx context.Context, name string) ([]string, error) {
	name = strings.ToLower(name)
	if a, ok := c.remembered(name); ok {
		return a.texts, a.err
	}
	result := c.flight.DoChan(name, func() (any, error) {
		// Others wait for it too: it does not end with this caller's context.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
		defer cancel()
		texts, err := c.from.LookupTXT(ctx, name)
		a := &answer{name: name, texts: bounded(texts), err: err}
		c.remember(a)
		return a, nil
	})
	select {
	case r := <-result:
		if a, ok := r.Val.(*answer); ok {
			return a.texts, a.err
		}
		return nil, r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Len returns how many names are kept.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

func (c *Cache) remembered(name string) (*answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byName[name]
	if !ok {
		return nil, false
	}
	a := e.Value.(*answer) //nolint:forcetypeassert // the list has nothing else
	if !c.cfg.Now().Before(a.until) {
		return nil, false
	}
	c.order.MoveToFront(e)
	return a, true
}

func (c *Cache) remember(a *answer) {
	a.until = c.cfg.Now().Add(c.lifetime(a.err))
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byName[a.name]; ok {
		e.Value = a
		c.order.MoveToFront(e)
		return
	}
	c.byName[a.name] = c.order.PushFront(a)
	if c.order.Len() > c.cfg.MaxNames {
		last := c.order.Remove(c.order.Back()).(*answer) //nolint:forcetypeassert // the list has nothing else
		delete(c.byName, last.name)
	}
}

func (c *Cache) lifetime(err error) time.Duration {
	var dns *net.DNSError
	switch {
	case err == nil:
		return c.cfg.Positive
	case errors.As(err, &dns) && dns.IsNotFound:
		return c.cfg.Negative
	default:
		return c.cfg.Failure
	}
}

// bounded keeps what a record could need of an answer, so that MaxNames bounds
// the memory too.
func bounded(texts []string) []string {
	texts = texts[:min(len(texts), maxTexts+1)]
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = strings.Clone(text[:min(len(text), maxRecord+1)])
	}
	return out
}
