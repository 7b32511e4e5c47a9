package dkim

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Limits of a RecordCache. The records of common keys have 410 bytes (2048 bits) and 800 bytes
// (4096 bits).
const (
	maxCached     = 500  // records
	maxCachedText = 1000 // bytes of one; longer records are parsed each time
)

// RecordCache keeps parsed key records by their text, so that a record that a resolver returns
// again is not parsed again. It holds 500 records, of 1,000 bytes of text at most, and drops the
// one that was not used for the longest time. It asks the resolver each time, so that it never
// returns a record that the DNS has no longer. It is safe for concurrent use. [NewRecordCache]
// creates one.
type RecordCache struct{ records *lru.Cache[string, *Record] }

// NewRecordCache returns an empty cache.
func NewRecordCache() *RecordCache {
	records, _ := lru.New[string, *Record](maxCached) // it fails only without a size
	return &RecordCache{records}
}

// LookupRecords is the function [LookupRecords] with the cache. The caller must not modify the
// records, which are shared.
func (c *RecordCache) LookupRecords(ctx context.Context, r Resolver, selector, domain string) ([]*Record, error) {
	return lookupNamed(ctx, r, c.parse, selector, domain)
}

// parse returns the record with a text, as [ParseRecord] does.
func (c *RecordCache) parse(text string) (*Record, error) {
	if len(text) > maxCachedText {
		return ParseRecord(text)
	}
	if r, ok := c.records.Get(text); ok {
		return r, nil
	}
	r, err := ParseRecord(text)
	if err == nil {
		c.records.Add(text, r)
	}
	return r, err
}
