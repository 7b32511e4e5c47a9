//go:build integration

package realmta_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/internal/counts"
	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// byVersion is what a server does, by the first version that does it. The entry
// "" is what the servers of Debian 12 do.
type byVersion map[string]string

// of returns the entry for the running server. It counts a difference if that is
// not the entry "".
func (b byVersion) of(t *testing.T, mta realmta.MTA) string {
	t.Helper()
	since := b.since(mta)
	if since != "" {
		counts.Add(t, 1, "realmta: findings that differ from bookworm's, "+mta.Name())
	}
	return b[since]
}

func (b byVersion) since(mta realmta.MTA) string {
	since := ""
	for version := range b {
		if version != "" && realmta.AtLeast(mta, version) && (since == "" || realmta.AtLeast(versioned{version: version}, since)) {
			since = version
		}
	}
	return since
}

// always is what every version does.
func always(what string) byVersion { return byVersion{"": what} }

func TestByVersion(t *testing.T) {
	t.Parallel()
	table := byVersion{"": "usual", "3.10": "later", "3.9": "late", "8.18": "Sendmail's"}
	for version, want := range map[string]string{
		"3.7.11": "usual", "3.8.1": "usual", "3.9.2": "late", "3.10.13": "later", "3.12-20260115": "later",
		"8.17.1.9": "later", "8.18.2": "Sendmail's",
	} {
		assert.Equal(t, want, table[table.since(versioned{version: version})], version)
	}
}
