package serve_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/benchmarks/internal/serve"
	"github.com/sluicemail/sluice/framework/benchmarks/internal/workload"
)

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := serve.Parse([]string{"-addr", "unix:/run/x.sock", "-w", "w3", "-record"})
	require.NoError(t, err)
	assert.Equal(t, "unix", o.Network)
	assert.Equal(t, "/run/x.sock", o.Address)
	assert.Equal(t, workload.W3, o.Workload)
	assert.True(t, o.Record)
	_, err = serve.Parse([]string{"-w", "w9"})
	assert.Error(t, err)
}

func TestSplitAddr(t *testing.T) {
	t.Parallel()
	network, address, err := serve.SplitAddr("tcp:127.0.0.1:9000")
	require.NoError(t, err)
	assert.Equal(t, "tcp", network)
	assert.Equal(t, "127.0.0.1:9000", address)
	for _, bad := range []string{"", "tcp", "unix:", "inet:9000", "/run/x.sock"} {
		_, _, err := serve.SplitAddr(bad)
		assert.Error(t, err, bad)
	}
}
