//go:build integration

package main_test

import (
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startRedis starts a redis-server and returns its address.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	args = append([]string{"--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir}, args...)
	cmd := exec.Command("redis-server", args...)
	require.NoError(t, cmd.Start(), "redis-server is needed: see .ci/install")
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool { // the socket is there before redis-server listens
		conn, err := net.Dial("unix", socket)
		return err == nil && conn.Close() == nil
	}, time.Minute, 10*time.Millisecond)
	return "unix:" + socket
}

// A real server ignores what looks like an empty command, and the negotiation begins with
// a zero byte.
func TestNamesRealRedis(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"open":            {nil, `this is Redis, which answered "+PONG"`},
		"with a password": {[]string{"--requirepass", "secret"}, `this is Redis, which answered "-NOAUTH Authentication required."`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, "", "-timeout", "2s", "-milter", startRedis(t, c.args...), "testdata/message.eml")
			assert.Equal(t, 1, r.status)
			assert.Contains(t, r.stderr, c.want)
		})
	}
}
