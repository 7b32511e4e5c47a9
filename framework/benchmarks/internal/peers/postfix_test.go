//go:build integration

package peers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
)

// TestPostfix needs root and Postfix.
//
//nolint:paralleltest // it sets a flag of package testing
func TestPostfix(t *testing.T) {
	o := options()
	o.Servers, o.Messages = []string{peers.Sluice, peers.Libmilter}, 20
	text, err := start(t, o).Postfix(t.Context())
	require.NoError(t, err)
	assert.Contains(t, rows(text), "sluice over unix")
	assert.Contains(t, rows(text), "libmilter over tcp")
}
