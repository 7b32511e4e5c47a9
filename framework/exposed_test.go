package framework_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
)

// Serve warns once for each listener that anyone can connect to.
func TestServeWarnsOfOpenListeners(t *testing.T) {
	t.Parallel()
	const hosts, users = "every host that reaches this address", "every user of this host"
	networks := framework.Admission{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	type listener struct {
		open  func(t *testing.T) net.Listener
		admit framework.Admission
		want  string
	}
	cases := map[string]listener{
		"all addresses":               {at("inet:0"), framework.Admission{}, hosts},
		"0.0.0.0":                     {at("inet:0@0.0.0.0"), framework.Admission{}, hosts},
		"[::]":                        {at("inet6:[::]:0"), framework.Admission{}, hosts},
		"both families":               {plain("tcp", ":0"), framework.Admission{}, hosts},
		"passed by systemd":           {passed(":0"), framework.Admission{}, hosts},
		"limits of numbers":           {at("inet:0"), framework.Admission{MaxSessions: 3, MaxPerPeer: 2}, hosts},
		"UIDs do not limit TCP":       {at("inet:0"), framework.Admission{UIDs: []uint32{0}}, hosts},
		"networks":                    {at("inet:0"), networks, ""},
		"loopback":                    {at("inet:0@127.0.0.1"), framework.Admission{}, ""},
		"another loopback":            {at("inet:0@127.1.2.3"), framework.Admission{}, ""},
		"loopback of IPv6":            {at("inet6:0@::1"), framework.Admission{}, ""},
		"loopback passed by systemd":  {passed("127.0.0.1:0"), framework.Admission{}, ""},
		"TLS, which may authenticate": {overTLS, framework.Admission{}, ""},
		"unix":                        {inFolder(0o755, ""), framework.Admission{}, ""},
		"unix, mode 0606":             {inFolder(0o755, "?mode=0606"), framework.Admission{}, users},
		"unix, mode 0604":             {inFolder(0o755, "?mode=0604"), framework.Admission{}, ""},
		"unix, in a closed folder":    {inFolder(0o750, "?mode=0666"), framework.Admission{}, ""},
		"unix, abstract":              {plain("unix", "@sluice-exposed-test"), framework.Admission{}, users},
		"unix, with UIDs":             {inFolder(0o755, "?mode=0666"), framework.Admission{UIDs: []uint32{0}}, ""},
		"networks do not limit unix":  {inFolder(0o755, "?mode=0666"), networks, users},
	}
	for _, own := range ownAddresses(t) {
		cases["own address "+own] = listener{plain("tcp", net.JoinHostPort(own, "0")), framework.Admission{}, hosts}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logged bytes.Buffer
			srv := newServer(t, headerFilter(), framework.Config{
				Logger: slog.New(slog.NewTextHandler(&logged, nil)), Admission: c.admit,
			})
			ln := c.open(t)
			closeListener(t, ln) // so that Serve returns after the warning
			require.ErrorIs(t, srv.Serve(ln), net.ErrClosed)
			if c.want == "" {
				assert.NotContains(t, logged.String(), "level=WARN")
				return
			}
			assert.Equal(t, 1, strings.Count(logged.String(), "level=WARN"), logged.String())
			assert.Contains(t, logged.String(), "the milter protocol has no authentication: "+c.want)
			assert.Contains(t, logged.String(), `limit_with="Admission.`)
			assert.Equal(t, c.want == hosts, strings.Contains(logged.String(), "-allow"))
			assert.Contains(t, logged.String(), "address="+ln.Addr().String())
		})
	}
}

// closeListener closes a listener and leaves the file of a unix socket.
func closeListener(t *testing.T, ln net.Listener) {
	t.Helper()
	if u, ok := ln.(interface{ SetUnlinkOnClose(unlink bool) }); ok {
		u.SetUnlinkOnClose(false)
	}
	require.NoError(t, ln.Close())
}

// at opens an address of framework.Listen.
func at(address string) func(t *testing.T) net.Listener {
	return func(t *testing.T) net.Listener {
		t.Helper()
		ln, err := framework.Listen(address)
		require.NoError(t, err)
		return ln
	}
}

// plain opens an address of package net.
func plain(network, address string) func(t *testing.T) net.Listener {
	return func(t *testing.T) net.Listener {
		t.Helper()
		ln, err := net.Listen(network, address)
		require.NoError(t, err)
		return ln
	}
}

// passed opens a TCP address and takes the socket over by its descriptor, as a socket of
// systemd is taken over.
func passed(address string) func(t *testing.T) net.Listener {
	return func(t *testing.T) net.Listener {
		t.Helper()
		tcp, ok := plain("tcp", address)(t).(*net.TCPListener)
		require.True(t, ok)
		f, err := tcp.File()
		require.NoError(t, err)
		require.NoError(t, tcp.Close())
		ln, err := net.FileListener(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		return ln
	}
}

func overTLS(t *testing.T) net.Listener {
	t.Helper()
	return tls.NewListener(plain("tcp", ":0")(t), &tls.Config{MinVersion: tls.VersionTLS13})
}

// inFolder opens a unix socket with options in a folder with the given mode, to which
// every user has access.
func inFolder(mode os.FileMode, options string) func(t *testing.T) net.Listener {
	return func(t *testing.T) net.Listener {
		t.Helper()
		dir, err := os.MkdirTemp("/tmp", "sluice-") //nolint:usetesting // t.TempDir is closed to other users
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		require.NoError(t, os.Chmod(dir, mode))
		return at("unix:" + filepath.Join(dir, "s") + options)(t)
	}
}

// ownAddresses returns the addresses of this host that other hosts can reach.
func ownAddresses(t *testing.T) (own []string) {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			own = append(own, n.IP.String())
		}
	}
	return own
}
