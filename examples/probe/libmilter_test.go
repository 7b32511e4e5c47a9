//go:build integration

package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startLibmilter builds the filter in testdata and starts it.
func startLibmilter(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	bin, socket := filepath.Join(dir, "filter"), filepath.Join(dir, "s")
	out, err := exec.CommandContext(t.Context(), "cc", "-o", bin, "testdata/filter.c", "-lmilter", "-lpthread").CombinedOutput()
	require.NoError(t, err, string(out))
	cmd := exec.Command(bin, "unix:"+socket) // not with the test's context, which ends before Cleanup
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return "unix:" + socket
}

func TestLibmilter(t *testing.T) {
	t.Parallel()
	address := startLibmilter(t)
	for _, version := range []string{"2", "3", "4", "5", "6"} {
		r := run(t, "", "-version", version, "-milter", address, "-from", "a@example.org",
			"-rcpt", "b@example.net", "-rcpt", "refuse@example.net", "testdata/message.eml")
		assert.Equal(t, 0, r.status, "version %s: %s\n%s", version, r.stderr, r.stdout)
		golden(t, "libmilter"+version+".txt", r.stdout, address)
	}
}
