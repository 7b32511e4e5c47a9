package dkim_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/contrib/dkim"
)

// A record with the same text is parsed once. Another text at the same name is another record at
// once, and errors are as without the cache.
func TestRecordCache(t *testing.T) {
	t.Parallel()
	good, err := dkim.FormatRecord(private(t, "ed25519").Public())
	require.NoError(t, err)
	text := good
	dns := resolverFunc(func(context.Context, string) ([]string, error) { return []string{text}, nil })
	cache := dkim.NewRecordCache()
	first, err := cache.LookupRecords(t.Context(), dns, "s", "example.org")
	require.NoError(t, err)
	second, err := cache.LookupRecords(t.Context(), dns, "other", "example.net")
	require.NoError(t, err)
	assert.Same(t, first[0], second[0])
	plain, err := dkim.LookupRecords(t.Context(), dns, "s", "example.org")
	require.NoError(t, err)
	assert.Equal(t, plain, first)

	for change, want := range map[string]error{"v=DKIM1; p=": dkim.ErrRevoked, "v=DKIM1; p=x": dkim.ErrRecord} {
		text = change
		for range 2 {
			_, err = cache.LookupRecords(t.Context(), dns, "s", "example.org")
			require.ErrorIs(t, err, want)
		}
	}
	text = strings.Replace(good, "p=", "t=y; p=", 1)
	changed, err := cache.LookupRecords(t.Context(), dns, "s", "example.org")
	require.NoError(t, err)
	assert.True(t, changed[0].Testing)
	_, err = cache.LookupRecords(t.Context(), dns, "s", "not a domain")
	require.ErrorIs(t, err, dkim.ErrNoRecord)
}

// The cache is bounded: many records push out the one that was not used for long, and a long
// text is not kept.
func TestRecordCacheIsBounded(t *testing.T) {
	t.Parallel()
	good, err := dkim.FormatRecord(private(t, "ed25519").Public())
	require.NoError(t, err)
	cache := dkim.NewRecordCache()
	lookup := func(text string) *dkim.Record {
		records, err := cache.LookupRecords(t.Context(), resolverFunc(func(context.Context, string) ([]string, error) {
			return []string{text}, nil
		}), "s", "example.org")
		require.NoError(t, err)
		return records[0]
	}
	first := lookup(good)
	for i := range 499 {
		lookup(good + "; n=" + strconv.Itoa(i))
	}
	assert.Same(t, first, lookup(good), "500 records are kept")
	for i := range 500 {
		lookup(good + "; n=x" + strconv.Itoa(i))
	}
	assert.NotSame(t, first, lookup(good))
	long := good + "; n=" + strings.Repeat("x", 1000)
	kept := lookup(long)
	assert.NotSame(t, kept, lookup(long))
}

// Messages at the same time use the cache.
func TestRecordCacheIsSafe(t *testing.T) {
	t.Parallel()
	zone := publish(t, key(t, "example.org", "e", "ed25519"))
	cache := dkim.NewRecordCache()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			records, err := cache.LookupRecords(t.Context(), zone, "e", "example.org")
			assert.NoError(t, err)
			assert.Len(t, records, 1)
		})
	}
	all.Wait()
}
