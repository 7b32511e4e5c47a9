package listen_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

// TLS alone keeps no host out. Client certificates and the list of balancers do.
func TestReachesHosts(t *testing.T) {
	t.Parallel()
	a, dir := authority(t), t.TempDir()
	cert, key := files(t, a, dir)
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, a.PEM, 0o600))
	secure := "cert=" + cert + "&key=" + key
	for address, want := range map[string]bool{
		"inet:0": true, "inet:0@127.0.0.1": false, "tls:inet:0?" + secure: true, "tls:inet:0@127.0.0.1?" + secure: false,
		"tls:inet:0?" + secure + "&client_ca=" + ca: false, "inet:0?proxy=192.0.2.1": false, "tls:inet:0?proxy=192.0.2.1&" + secure: false,
		"inet:0?proxy=192.0.2.1,0.0.0.0/0": true, "inet:0?proxy=::/0": true, "inet:0@127.0.0.1?proxy=0.0.0.0/0": false,
		"tls:inet:0?proxy=0.0.0.0/0&client_ca=" + ca + "&" + secure: false,
	} {
		ln, err := listen.Open(address)
		require.NoError(t, err)
		assert.Equal(t, want, listen.ReachesHosts(ln), address)
		assert.NoError(t, ln.Close())
	}
}
