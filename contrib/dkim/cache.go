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

// CacheConfig configures a [Cache]. The zero value is ready to use.
type CacheConfig struct {
	// Positive is the time for which records are cached. It defaults to 15
	// minutes. The TTLs of the DNS are not used, because the resolvers of
	// the standard library do not report them.
	Positive time.Duration
	// Negative is the time for which the absence of records is cached. It
	// defaults to 5 minutes.
	Negative time.Duration
	// Failure is the time for which a failed lookup is cached. It defaults
	// to 10 seconds.
	Failure time.Duration
	// Timeout limits the time of a lookup. It defaults to 5 seconds.
	Timeout time.Duration
	// MaxNames limits the number of names in the cache. If it is exceeded,
	// the least recently used name is removed. It defaults to 10,000.
	MaxNames int
	// Now returns the current time. It defaults to time.Now.
	Now func() time.Time
}

// Cache is a [Resolver] that caches the answers of another resolver. Concurrent
// lookups of the same name share one lookup. A caller that gives up does not
// cancel it for the others. A Cache is safe for concurrent use.
type Cache struct {
	from    Resolver
	cfg     CacheConfig
	lookups singleflight.Group

	mu     sync.Mutex
	byName map[string]*list.Element
	order  *list.List // of *answer, the most recently used first
}

// answer is a cached answer for a name.
type answer struct {
	name  string
	until time.Time
	texts []string
	err   error
}

// NewCache returns a cache in front of a resolver, such as
// net.DefaultResolver.
func NewCache(from Resolver, cfg CacheConfig) *Cache {
	setDefault(&cfg.Positive, 15*time.Minute)
	setDefault(&cfg.Negative, 5*time.Minute)
	setDefault(&cfg.Failure, 10*time.Second)
	setDefault(&cfg.Timeout, 5*time.Second)
	setDefault(&cfg.MaxNames, 10000)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Cache{from: from, cfg: cfg, byName: make(map[string]*list.Element), order: list.New()}
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// LookupTXT implements [Resolver]. The caller must not modify the slice.
func (c *Cache) LookupTXT(ctx context.Context, name string) ([]string, error) {
	name = strings.ToLower(name)
	if a, ok := c.get(name); ok {
		return a.texts, a.err
	}
	result := c.lookups.DoChan(name, func() (any, error) {
		// Other callers may wait for this lookup, so it must not end
		// with the context of this caller.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
		defer cancel()
		texts, err := c.from.LookupTXT(ctx, name)
		a := &answer{name: name, texts: truncated(texts), err: err}
		c.put(a)
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

// Len returns the number of names in the cache.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

func (c *Cache) get(name string) (*answer, bool) {
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

func (c *Cache) put(a *answer) {
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

// truncated copies the records of an answer. It drops records and bytes beyond
// the limits of a usable answer, so that MaxNames also limits the memory of the
// cache.
func truncated(texts []string) []string {
	texts = texts[:min(len(texts), maxTexts+1)]
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = strings.Clone(text[:min(len(text), maxRecord+1)])
	}
	return out
}
