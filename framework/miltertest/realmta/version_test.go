package realmta_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sluicemail/sluice/framework/miltertest/realmta"
)

// versioned is an MTA that has only a version.
type versioned struct {
	realmta.MTA
	version string
}

func (v versioned) Version() string { return v.version }

func TestAtLeast(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		version, wanted string
		want            bool
	}{
		"the same":               {"3.10.13", "3.10.13", true},
		"only the given parts":   {"3.10.13", "3.10", true},
		"numbers, not text":      {"3.9.2", "3.10", false},
		"an earlier one":         {"3.7.11", "3.10", false},
		"a later one":            {"3.11.7", "3.10", true},
		"a later first number":   {"8.17.1.9", "3.11", true},
		"a later fourth number":  {"8.17.1.9", "8.17.1.10", false},
		"a snapshot":             {"3.12-20260115", "3.12", true},
		"a snapshot of an early": {"3.9-20230412", "3.10", false},
		"a longer given one":     {"8.18", "8.18.1", true},
		"no version":             {"unknown: exit status 1", "3.7", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, realmta.AtLeast(versioned{version: tt.version}, tt.wanted))
		})
	}
}
