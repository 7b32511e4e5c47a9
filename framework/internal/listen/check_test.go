package listen_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework/internal/listen"
)

// What Check refuses, Open refuses with the same reason.
func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	for name, c := range map[string]struct{ address, reason string }{
		"nothing":               {"", "want inet:"},
		"kind alone":            {"inet:", "want inet:"},
		"unknown kind":          {"tcp:9000", "no such kind"},
		"port is no number":     {"inet:smtp@127.0.0.1", "the port is no number"},
		"port too large":        {"inet6:65536", "the port is no number"},
		"port alone":            {"inet:127.0.0.1", "the port is no number"},
		"unknown option":        {"inet:0@127.0.0.1?colour=red", "option colour"},
		"IPv4 for inet6":        {"inet6:0@127.0.0.1", "127.0.0.1 is no IPv6 address"},
		"mapped for inet6":      {"inet6:0@::ffff:127.0.0.1", "::ffff:127.0.0.1 is no IPv6 address"},
		"IPv6 for inet":         {"inet:[::1]:0", "::1 is no IPv4 address"},
		"no IP address":         {"inet:0@127.0.0.256", "127.0.0.256 is no IP address"},
		"no IPv6 address":       {"inet6:0@fe80::x", "fe80::x is no IP address"},
		"no certificate":        {"tls:inet:0@127.0.0.1?cert=" + dir + "/c&key=" + dir + "/k", "/c: no such file"},
		"not a certificate":     {"tls:inet:0@127.0.0.1?cert=" + file + "&key=" + file, file + " and " + file},
		"no client_ca":          {"tls:inet:0@127.0.0.1?cert=" + file + "&key=" + file + "&client_ca=x", file},
		"no path":               {"unix:?mode=0600", ""},
		"unknown socket option": {"unix:" + dir + "/x?colour=red", "option colour"},
		"mode not octal":        {"unix:" + dir + "/x?mode=9", "option mode"},
		"unknown owner":         {"unix:" + dir + "/x?owner=nobody-has-this-name", "option owner"},
		"unknown group":         {"unix:" + dir + "/x?group=nobody-has-this-name", "option group"},
		"folder not there":      {"unix:" + dir + "/folder/x.sock", "/folder"},
		"not a folder":          {"unix:" + file + "/x.sock", "not a directory"},
		"no socket":             {"unix:" + file, "exists and is no socket"},
		"a folder":              {"unix:" + dir, "exists and is no socket"},
		"long path":             {"unix:" + dir + "/" + strings.Repeat("x", 100), "too long for a socket"},
		"long folder":           {"unix:/tmp/" + strings.Repeat("x", 80) + "/s", "too long for a socket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := listen.Check(c.address)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.reason)
			assert.Contains(t, err.Error(), c.address, "the error names the address")
			ln, err := listen.Open(c.address)
			require.Error(t, err)
			assert.Nil(t, ln)
			if name != "long folder" { // which is not there either
				assert.Contains(t, err.Error(), c.reason)
			}
		})
	}
}

// Check accepts what may be right at the start, also where a process listens.
func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tcp, err := listen.Open("inet:0@127.0.0.1")
	require.NoError(t, err)
	defer func() { _ = tcp.Close() }()
	_, port, err := net.SplitHostPort(tcp.Addr().String())
	require.NoError(t, err)
	unix, err := listen.Open("unix:" + dir + "/x.sock")
	require.NoError(t, err)
	defer func() { _ = unix.Close() }()
	for _, address := range []string{
		"inet:" + port + "@127.0.0.1", "inet:" + port, "inet:127.0.0.1:" + port, "inet6:0", "inet6:[::1]:0", "inet6:0@::1",
		"inet:9000@192.0.2.1?proxy=192.0.2.8", "inet:9000@localhost", "inet:9000@mx1.example.org", "fd:milter", "fd:milter?proxy=192.0.2.8",
		"unix:" + dir + "/x.sock", "local:" + dir + "/y.sock?mode=0600&owner=0&group=0",
		"unix:/run/no-such-folder/x.sock", "unix:/var/run/no-such-folder/x.sock",
	} {
		assert.NoError(t, listen.Check(address), address)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing was created")
	conn, err := net.Dial("unix", dir+"/x.sock")
	require.NoError(t, err)
	assert.NoError(t, conn.Close())
}
