//go:build integration

package peers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
)

// TestChecks needs root and Postfix.
//
//nolint:paralleltest // it sets a flag of package testing
func TestChecks(t *testing.T) {
	o := options()
	o.Servers, o.Messages = []string{peers.Sluice, peers.Emersion, peers.Libmilter}, 1
	o.Networks = []string{"unix"}
	text, err := start(t, o).Checks(t.Context())
	require.NoError(t, err)
	for _, row := range []string{"no filter", "3 milters of libmilter", "3 milters of emersion/go-milter", "begun in BeforeEndOfMessage", "begun at MAIL"} {
		assert.Equal(t, 2, strings.Count(text, row+" | "), text)
	}
	assert.Contains(t, text, "Over unix, a client that takes 300ms after DATA:")
}
