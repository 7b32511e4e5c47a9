//go:build integration

package peers_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/peers"
)

// authOptions returns the options of the shortest run.
func authOptions() peers.Options {
	o := options()
	o.Servers, o.Messages, o.Conns = []string{peers.Sluice, peers.Authenticate}, 3, []int{2}
	return o
}

// TestAuth needs root, Postfix, OpenDKIM, OpenDMARC and pyspf-milter. The run itself checks
// that each list of milters knows a good message from a forged one.
//
//nolint:paralleltest // it sets a flag of package testing
func TestAuth(t *testing.T) {
	for name, proxy := range map[string]bool{"XCLIENT": false, "PROXY protocol": true} {
		t.Run(name, func(t *testing.T) {
			profile := filepath.Join(t.TempDir(), "cpu.out")
			text, err := start(t, authOptions()).Auth(t.Context(), peers.AuthOptions{
				Domains: 2, Proxy: proxy, Ours: []string{peers.Authenticate}, Profile: profile,
			})
			require.NoError(t, err)
			for _, row := range []string{peers.NoFilter, peers.OneField, peers.Theirs, peers.WithPySPF, peers.Ours} {
				assert.Equal(t, 2, strings.Count(text, "\n| "+row+" | "), text)
			}
			assert.Contains(t, text, "2 SMTP clients:")
			assert.FileExists(t, profile)
		})
	}
}

// TestAuthOutage waits for the peers, which take half a minute.
//
//nolint:paralleltest // it sets a flag of package testing
func TestAuthOutage(t *testing.T) {
	o := authOptions()
	o.Rounds = 0
	text, err := start(t, o).Auth(t.Context(), peers.AuthOptions{Domains: 2, Ours: []string{peers.Authenticate}, Outage: 1})
	require.NoError(t, err)
	for _, row := range []string{peers.Theirs, peers.WithPySPF, peers.Ours} {
		assert.Contains(t, text, "| "+row+" | silent | ")
		assert.Contains(t, text, "| "+row+" | stopped | ")
	}
	assert.Contains(t, text, "spf=temperror")
}

func TestAuthReportsMistakes(t *testing.T) {
	t.Parallel()
	b := start(t, authOptions())
	_, err := b.Auth(t.Context(), peers.AuthOptions{})
	assert.ErrorContains(t, err, "there are no messages or no domains")
}
