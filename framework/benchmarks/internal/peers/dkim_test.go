//go:build integration

package peers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDKIM verifies and measures both signers in the shortest run. It needs
// OpenDKIM.
func TestDKIM(t *testing.T) {
	t.Parallel()
	o := options()
	o.Servers = nil
	var progress strings.Builder
	o.Progress = &progress
	text, err := start(t, o).DKIM(t.Context(), []int{8 << 10})
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(text, "\n| opendkim | "), text)
	assert.Equal(t, 2, strings.Count(text, "\n| dkimd | "), text)
	assert.Contains(t, text, "Bodies of 8 KiB over unix, 2 connections:")
	assert.Contains(t, progress.String(), "dkim over tcp")
}
